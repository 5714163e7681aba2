// The last sixty minutes of each meter: asked for once, then appended to by the stream.

import { get } from "./api.js";
import { nowMs } from "./store.js";

const MINUTES = 60;

/** @typedef {import("./types").HistoryMeter} HistoryMeter */

export class Hour {
  constructor() {
    /** By meter, mean power or flow of each minute. @type {Map<string, (number | null)[]>} */
    this.watts = new Map();
    this.endS = 0;
    /** Minutes that are told while an answer is under way, which does not have them. @type {import("./types").Minute[]} */
    this.told = [];
  }

  async load() {
    const to = Math.floor(nowMs() / 60_000) * 60;
    /** @type {import("./types").Minute[]} */
    const told = [];
    this.told = told;
    /** @type {import("./types").History} */
    const answer = await get("history", { from: to - MINUTES * 60, to, window: "1m" });
    this.endS = to;
    for (const meter of answer.meters) {
      if ("mean_w" in meter) this.watts.set(meter.meter, meter.mean_w.slice(-MINUTES));
      if ("mean_rate" in meter) this.watts.set(meter.meter, meter.mean_rate.slice(-MINUTES));
    }
    for (const minute of told) this.put(minute);
  }

  /** False: minutes before it are not known, and are to be asked for. @param {import("./types").Minute} minute */
  append(minute) {
    this.told.push(minute);
    this.told.splice(0, Math.max(0, this.told.length - MINUTES));
    return this.put(minute);
  }

  /** @param {import("./types").Minute} minute */
  put(minute) {
    // One that was in the answer already may have got more pulses since: the journal is behind where a disk stalls.
    const before = (this.endS - minute.start_s) / 60;
    if (this.watts.size === 0 || before > MINUTES) return true;
    if (before < 0) return false;
    for (const [name, watts] of this.watts) {
      if (before > watts.length) continue;
      const told = minute.meters.find((meter) => meter.meter === name);
      watts.splice(watts.length - before, 1, told?.mean_w ?? told?.mean_rate ?? null);
      watts.splice(0, Math.max(0, watts.length - MINUTES));
    }
    this.endS = Math.max(this.endS, minute.start_s + 60);
    return true;
  }

  /**
   * The mean of the minutes that are known of a quarter of an hour, by meter. An empty map: none is.
   * @param {number} startS @returns {Map<string, number | null>}
   */
  quarter(startS) {
    const before = Math.round((this.endS - startS) / 60);
    /** @type {Map<string, number | null>} */
    const means = new Map();
    if (before <= 0 || before > MINUTES) return means;
    for (const [name, watts] of this.watts) {
      const from = watts.length - before;
      const known = watts.slice(Math.max(0, from), from + 15).filter((one) => one !== null);
      means.set(name, known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length);
    }
    return means;
  }

  /** The house, over five minutes: below that a pulse of each meter is more than what is to be seen. @param {import("./types").NowMeter[]} meters */
  house(meters) {
    /** @type {(number | null)[]} */
    const means = [];
    const sign = { import: 1, generation: 1, export: -1, other: 0 };
    for (let n = 0; n < MINUTES; n += 5) {
      /** @type {number | null} */
      let sum = 0;
      for (const meter of meters) {
        const part = (this.watts.get(meter.meter) ?? []).slice(n, n + 5).filter((watts) => watts !== null);
        if (sign[meter.role] === 0) continue;
        if (part.length === 0 || sum === null) sum = null;
        else sum += sign[meter.role] * part.reduce((a, b) => a + b, 0) / part.length;
      }
      for (let k = 0; k < 5; k += 1) means.push(sum === null ? null : Math.max(0, sum));
    }
    return means;
  }
}

// What the history's chart draws, from an answer of the API. Pure.

/** @typedef {import("./types").History} History */
/** @typedef {import("./types").HistoryMeter} HistoryMeter */
/** @typedef {import("./types").HistoryFlow} HistoryFlow */
/** @typedef {import("./types").HistoryPulses} HistoryPulses */
/** @typedef {(number | null)[]} Column */
/**
 * @typedef {{
 *   x: number[], isRaw: boolean, widthS: number | null,
 *   meters: {meter: string, role: string, unit?: import("./types").Unit, imp: number | null, value: Column, low: Column, high: Column}[],
 *   unwatched: [number, number][],
 * }} Columns
 */

/** The begins of the windows. @param {History} history @returns {number[]} */
export function starts(history) {
  if (history.starts_s) return history.starts_s.slice(0, -1);
  const n = longest(history);
  return Array.from({ length: n }, (_, i) => (history.start_s ?? 0) + i * (history.width_s ?? 1));
}

/** @param {History} history */
function longest(history) {
  return Math.max(0, ...history.meters.map((meter) => ("at_ms" in meter ? 0 : meter.pulses.length)));
}

/** A meter's mean, least and most: kilowatts, or flow in its unit an hour. @param {HistoryMeter | HistoryFlow} meter */
function rates(meter) {
  if ("mean_rate" in meter) return [meter.mean_rate, meter.min_rate, meter.max_rate];
  return [kilo(meter.mean_w), kilo(meter.min_w), kilo(meter.max_w)];
}

/** @param {History} history @param {"power" | "energy"} as @returns {Columns} */
export function columns(history, as) {
  return history.level === "raw" ? pulses(history) : windows(history, as);
}

/** @param {History} history @param {"power" | "energy"} as @returns {Columns} */
function windows(history, as) {
  const x = starts(history);
  const ends = history.starts_s ? history.starts_s.slice(1) : x.map((start) => start + (history.width_s ?? 0));
  /** @type {[number, number][]} */
  const unwatched = [];
  x.forEach((start, n) => {
    const isMissed = history.meters.some((meter) => !("at_ms" in meter) && meter.watched_s[n] === 0);
    const last = unwatched.at(-1);
    if (!isMissed) return;
    if (last && last[1] === start) last[1] = ends[n];
    else unwatched.push([start, ends[n]]);
  });
  // The last window's end, so that its step is seen to its end.
  const closed = [...x, ends.at(-1) ?? 0];
  const meters = /** @type {(HistoryMeter | HistoryFlow)[]} */ (history.meters).map((meter) => {
    const [mean, low, high] = rates(meter);
    const closeUp = (/** @type {Column} */ column) => [...column, column.at(-1) ?? null];
    // A kilowatt, or one m³/h, for an hour.
    const energy = as === "energy" ? mean.map((value, n) => (value === null ? null : (value * meter.watched_s[n]) / 3600)) : null;
    return {
      meter: meter.meter, role: meter.role, unit: meter.unit, imp: meter.imp_per_kwh,
      value: closeUp(energy ?? mean), low: closeUp(energy ?? low), high: closeUp(energy ?? high),
    };
  });
  return { x: x.length > 0 ? closed : [], isRaw: false, widthS: history.width_s, meters, unwatched };
}

/** Single pulses: the power of an interval stands from the pulse before to the pulse that ends it. @param {History} history @returns {Columns} */
function pulses(history) {
  const all = /** @type {HistoryPulses[]} */ (history.meters.filter((meter) => "at_ms" in meter));
  const x = [...new Set(all.flatMap((meter) => meter.at_ms))].sort((a, b) => a - b);
  const meters = all.map((meter) => {
    const rate = meter.rate ?? kilo(meter.power_w ?? []);
    /** @type {Column} */
    const value = new Array(x.length).fill(null);
    let next = 0;
    for (let n = 0; n < x.length; n += 1) {
      while (next < meter.at_ms.length && meter.at_ms[next] <= x[n]) next += 1;
      // From here on the power of the interval that the next pulse ends.
      value[n] = next < meter.at_ms.length && next > 0 ? (rate[next] ?? null) : null;
    }
    const last = x.length > 0 && meter.at_ms.at(-1) !== undefined ? x.indexOf(/** @type {number} */ (meter.at_ms.at(-1))) : -1;
    if (last > 0) value[last] = value[last - 1];
    return { meter: meter.meter, role: meter.role, unit: meter.unit, imp: meter.imp_per_kwh, value, low: value, high: value };
  });
  const unwatched = all.flatMap((meter) => meter.unwatched_s ?? []);
  return { x: x.map((ms) => ms / 1000), isRaw: true, widthS: null, meters, unwatched };
}

/** Watts as kilowatts. @param {Column} watts @returns {Column} */
function kilo(watts) {
  return watts.map((value) => (value === null ? null : value / 1000));
}

/** The index of the window that an instant is in. @param {number[]} x @param {number} s */
export function indexAt(x, s) {
  let [low, high] = [0, x.length - 1];
  if (x.length === 0 || s < x[0]) return -1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (x[middle] <= s) low = middle;
    else high = middle - 1;
  }
  return low;
}

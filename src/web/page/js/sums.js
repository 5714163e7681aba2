// Energy of a period against another one, and what a chart of it stacks. Pure.

import { amount, exact, isElectric, milliOf, money } from "./number.js";

/** @typedef {import("./types").EnergySpan} EnergySpan */
/** `sign`: whether it is drawn above or below zero; 0: by its own sign. @typedef {{key: string, role: string, sign: 1 | -1 | 0, wh: (number | null)[]}} Series */

/**
 * A span in parts that can be drawn together: its electric meters first, then those of each other unit by themselves, in
 * thousandths of it.
 * @template {EnergySpan} T @param {T} span @returns {T[]}
 */
export function parted(span) {
  const electric = span.meters.filter((meter) => isElectric(meter.unit));
  const units = [...new Set(span.meters.map((meter) => meter.unit).filter((unit) => !isElectric(unit)))];
  const others = units.map((unit) => {
    const meters = span.meters.filter((meter) => meter.unit === unit).map((meter) => ({
      ...meter,
      energy_wh: (meter.amount ?? []).map((one) => (one === null ? null : one * 1000)),
      total: { ...meter.total, energy_wh: milliOf(meter.total, unit) },
    }));
    const derived = { house_wh: null, self_wh: null, autarky: null, self_rate: null, meters_disagree: false, why: "no_import_meter" };
    return { ...span, unit, meters, house_wh: null, self_wh: null, derived, money: null };
  });
  return electric.length === 0 && others.length > 0 ? others : [{ ...span, meters: electric }, ...others];
}

/**
 * What is drawn: with derived values self-consumption and import above zero and export below; else each meter for itself,
 * side by side, since a sum of them would mean nothing.
 * @param {EnergySpan} span @returns {{stacked: boolean, series: Series[]}}
 */
export function series(span) {
  if (span.costs) return { stacked: true, series: span.costs.series };
  const of = (/** @type {string} */ role) => span.meters.filter((meter) => meter.role === role);
  if (span.derived.why === null && span.house_wh && span.self_wh) {
    /** @type {Series[]} */
    const all = [];
    if (of("generation").length > 0) all.push({ key: "self", role: "self", sign: 1, wh: span.self_wh });
    all.push({ key: "import", role: "import", sign: 1, wh: added(of("import").map((meter) => meter.energy_wh)) });
    if (of("export").length > 0) {
      all.push({ key: "export", role: "export", sign: -1, wh: added(of("export").map((meter) => meter.energy_wh)) });
    }
    return { stacked: true, series: all };
  }
  return {
    stacked: false,
    series: span.meters.map((meter) => ({
      key: meter.meter, role: meter.role, sign: meter.role === "export" ? -1 : 1, wh: meter.energy_wh,
    })),
  };
}

/** How far a series reaches up in a part, below 0: down. @param {Series} one @param {number} n */
export function reach({ sign, wh }, n) {
  const value = wh[n] ?? 0;
  return sign === 0 ? value : sign * Math.max(0, value);
}

/** A value of a span's series in words. @param {EnergySpan} span @param {number | null | undefined} milli @param {string} locale */
export function said(span, milli, locale) {
  if (!span.costs) return amount(milli, span.unit, locale);
  return money(exact(milli), span.costs.currency, locale);
}

/** Column by column; null only where all are. @param {(number | null)[][]} columns */
export function added(columns) {
  const length = columns[0]?.length ?? 0;
  return Array.from({ length }, (_, n) => {
    const known = columns.map((column) => column[n]).filter((wh) => wh !== null);
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
  });
}

/** What today has come to, to tell later how much has been added. null: it is not known. @param {import("./types").Now} now */
export function todayOf(now) {
  if (now.meters.some((meter) => meter.today.pulses === null)) return null;
  const { house_wh: house, self_wh: self } = now.today.derived;
  return { house, self, meters: new Map(now.meters.map((meter) => [meter.meter, meter.today])) };
}

/** @typedef {NonNullable<ReturnType<typeof todayOf>>} Today */

/**
 * Adds what has come since to the part of a span in which now is. False: now is in none of them.
 * @param {EnergySpan} span @param {Today} before @param {Today} after @param {number} nowS
 */
export function grow(span, before, after, nowS) {
  const n = span.starts_s.findLastIndex((start) => start <= nowS);
  if (n < 0 || n >= span.dates.length) return false;
  /** @param {number | null | undefined} value @param {number | null | undefined} from @param {number | null | undefined} to */
  const plus = (value, from, to) => (to === null || to === undefined || from === null || from === undefined ? value ?? null : (value ?? 0) + to - from);
  for (const meter of span.meters) {
    const [was, is] = [before.meters.get(meter.meter), after.meters.get(meter.meter)];
    if (!was || !is) continue;
    meter.pulses[n] = plus(meter.pulses[n], was.pulses, is.pulses);
    meter.energy_wh[n] = plus(meter.energy_wh[n], was.energy_wh, is.energy_wh);
    meter.watched_s[n] += is.watched_s - was.watched_s;
    if (meter.amount) meter.amount[n] = plus(meter.amount[n], was.amount, is.amount);
    if (meter.amount) meter.total.amount = plus(meter.total.amount, was.amount, is.amount);
    meter.total.pulses = plus(meter.total.pulses, was.pulses, is.pulses) ?? meter.total.pulses;
    meter.total.energy_wh = plus(meter.total.energy_wh, was.energy_wh, is.energy_wh);
    meter.total.watched_s += is.watched_s - was.watched_s;
  }
  if (span.house_wh) span.house_wh[n] = plus(span.house_wh[n], before.house, after.house);
  if (span.self_wh) span.self_wh[n] = plus(span.self_wh[n], before.self, after.self);
  span.derived.house_wh = plus(span.derived.house_wh, before.house, after.house);
  span.derived.self_wh = plus(span.derived.self_wh, before.self, after.self);
  return true;
}

/** What the headline and a comparison are about: the house, else the first meter. @param {EnergySpan} span */
export function main(span) {
  if (span.costs) return span.costs.net;
  if (span.derived.why === null && span.house_wh) return { role: "house", wh: span.house_wh, total: span.derived.house_wh };
  const meter = span.meters[0];
  return meter ? { role: meter.role, wh: meter.energy_wh, total: meter.total.energy_wh } : null;
}

/**
 * How much more (a ratio; below 0: less) than in the span compared with, over the parts that have passed in both.
 * null: there is nothing to compare.
 * @param {EnergySpan} span @param {EnergySpan} other @param {number} nowS
 */
export function change(span, other, nowS) {
  const [a, b] = [main(span), main(other)];
  if (!a || !b) return null;
  const isRunning = (span.starts_s.at(-1) ?? 0) > nowS;
  let [sum, against, parts] = [0, 0, 0];
  const shared = isRunning || a.wh.length !== b.wh.length ? Math.min(a.wh.length, b.wh.length) : a.wh.length;
  for (let n = 0; n < shared; n += 1) {
    const [here, there] = [a.wh[n], b.wh[n]];
    if (span.starts_s[n + 1] > nowS || here === null || there === null) continue;
    sum += here;
    against += there;
    parts += 1;
  }
  if (parts === 0 || against < 50 || sum < 0) return null;
  return { ratio: sum / against - 1, isRunning, untilS: isRunning ? lastPassed(span.starts_s, nowS) : null };
}

/** The last of these that is not after now. @param {number[]} startsS @param {number} nowS */
function lastPassed(startsS, nowS) {
  return startsS.filter((start) => start <= nowS).at(-1) ?? null;
}

/** The part with the most. null: there is none. @param {(number | null)[]} wh */
export function most(wh) {
  const best = wh.reduce((/** @type {number} */ top, value, n) => ((value ?? 0) > (wh[top] ?? 0) ? n : top), -1);
  return best < 0 ? null : best;
}

/**
 * Whether a part was watched for as long as it has lasted. What was before the first date, and on it, is not missed.
 * @param {EnergySpan} span @param {number} n @param {number} nowS @param {string | null} [first] the first local day with data
 */
export function isWatched(span, n, nowS, first = null) {
  if (first !== null && span.dates[n] <= first) return true;
  const passed = Math.min(span.starts_s[n + 1], nowS) - span.starts_s[n];
  if (passed <= 0) return true;
  // What is being counted is some seconds behind.
  const slack = span.starts_s[n + 1] > nowS ? 120 : 1;
  return span.meters.every((meter) => meter.watched_s[n] + slack >= passed);
}

/**
 * Round steps for an axis from `low` to `high`, about `wanted` of them.
 * @param {number} low @param {number} high @param {number} wanted
 */
export function ticks(low, high, wanted) {
  const span = high - low;
  if (!(span > 0)) return [0];
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const unit = rough / power;
  const step = (unit < 1.5 ? 1 : unit < 3 ? 2 : unit < 7 ? 5 : 10) * power;
  const all = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) all.push(n * step);
  return all;
}

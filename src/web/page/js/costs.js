// What the energy of each part costs, as a span whose bars are amounts of money. Pure.

import { added } from "./sums.js";

/** @typedef {import("./types").EnergySpan} EnergySpan */

/**
 * The span in thousandths of its currency: what is paid above zero, what is earned below. Standing charges are of no part.
 * null: nothing has a price.
 * @template {EnergySpan} T @param {T} span @returns {T | null}
 */
export function priced(span) {
  const { money } = span;
  if (!money) return null;
  const milli = (/** @type {string | null} */ amount) => Number(amount) * 1000;
  const series = /** @type {("import" | "export")[]} */ (["import", "export"]).flatMap((role) => {
    const meters = span.meters.filter((meter) => meter.role === role);
    const each = money.parts[role];
    if (!each || meters.length === 0) return [];
    const isCounted = (/** @type {number} */ n) => meters.some((meter) => meter.pulses[n] !== null);
    return [{ key: role, role, sign: /** @type {0} */ (0), wh: each.map((one, n) => (isCounted(n) ? milli(one) : null)), total: milli(money[role]) }];
  });
  const total = series.reduce((sum, one) => sum + one.total, 0);
  return series.length === 0 ? null : { ...span, costs: { currency: money.currency, series, net: { role: "cost", wh: added(series.map((one) => one.wh)), total } } };
}

// The value axis of our own charts: round steps, a line each, zero stronger than the others.

import { svg } from "./dom.js";
import { plain } from "./number.js";
import { ticks } from "./sums.js";
import { locale } from "./text.js";

export const TOP = 18;
export const BOTTOM = 24;

/**
 * From `low` (0 or less) to `high`, about `wanted` steps. Gives the place of a value and what is to be drawn.
 * @param {number} low @param {number} high @param {number} wanted @param {string} unit
 * @param {{left: number, width: number, height: number, isSigned?: boolean}} box signed: what is below zero is less than nothing
 */
export function valueAxis(low, high, wanted, unit, { left, width, height, isSigned = false }) {
  const marks = ticks(low, high * 1.04, wanted);
  const top = Math.max(high * 1.04, marks.at(-1) ?? 0);
  const bottom = Math.min(0, low * 1.04);
  const y = (/** @type {number} */ value) => TOP + ((top - value) / (top - bottom)) * (height - TOP - BOTTOM);
  const isWhole = marks.every((mark) => Math.abs(mark - Math.round(mark)) < 1e-9);
  const decimals = isWhole ? 0 : top < 0.5 ? 2 : 1;
  const drawn = [svg("text", { class: "axis", x: 0, y: 11 }, unit)];
  for (const mark of marks) {
    const at = Math.round(y(mark)) + 0.5;
    drawn.push(
      svg("line", { class: Math.abs(mark) < 1e-9 ? "zero" : "grid", x1: left, x2: width, y1: at, y2: at }),
      svg("text", { class: "axis", x: left - 6, y: at + 4, "text-anchor": "end" }, plain(isSigned ? mark : Math.abs(mark), decimals, locale())));
  }
  return { y, drawn };
}

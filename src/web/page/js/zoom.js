// Arithmetic of a span of time that is zoomed, panned and bounded. Pure. Times in seconds since 1970.

/** @typedef {{from: number, to: number}} Span */

/** The shortest and the longest span that can be looked at. */
export const SHORTEST_S = 10;
export const LONGEST_S = 20 * 366 * 86_400;

/**
 * Keeps a span within its bounds: first its length, then its place.
 * @param {Span} span @param {Span} bounds @returns {Span}
 */
export function clamp(span, bounds) {
  const whole = Math.max(SHORTEST_S, bounds.to - bounds.from);
  const length = Math.min(Math.max(span.to - span.from, SHORTEST_S), whole, LONGEST_S);
  const middle = (span.from + span.to) / 2;
  let from = middle - length / 2;
  from = Math.max(bounds.from, Math.min(from, bounds.from + whole - length));
  return { from, to: from + length };
}

/**
 * Makes a span shorter (factor < 1) or longer around a point of it (0: its begin, 1: its end).
 * @param {Span} span @param {number} factor @param {number} at @param {Span} bounds
 */
export function zoom(span, factor, at, bounds) {
  const length = span.to - span.from;
  const wanted = Math.min(Math.max(length * factor, SHORTEST_S), Math.max(SHORTEST_S, bounds.to - bounds.from));
  const fixed = span.from + at * length;
  const from = fixed - at * wanted;
  return clamp({ from, to: from + wanted }, bounds);
}

/** Moves a span by a share of its length. @param {Span} span @param {number} by @param {Span} bounds */
export function pan(span, by, bounds) {
  const length = span.to - span.from;
  const shifted = Math.min(Math.max(span.from + by * length, bounds.from), Math.max(bounds.from, bounds.to - length));
  return clamp({ from: shifted, to: shifted + length }, bounds);
}

/**
 * The span after two fingers have moved: what was under each of them stays under it. Places are shares of the width.
 * @param {Span} span @param {[number, number]} before @param {[number, number]} after @param {Span} bounds
 */
export function pinch(span, before, after, bounds) {
  const length = span.to - span.from;
  const apart = Math.max(0.02, Math.abs(after[1] - after[0]));
  const wanted = (length * Math.max(0.02, Math.abs(before[1] - before[0]))) / apart;
  const under = span.from + (length * (before[0] + before[1])) / 2;
  const from = under - (wanted * (after[0] + after[1])) / 2;
  return clamp({ from, to: from + wanted }, bounds);
}

/** A span that ends now moves with now; one that was panned away stays. @param {Span} span @param {number} beforeS @param {number} nowS */
export function follow(span, beforeS, nowS) {
  const slack = Math.max(2, (span.to - span.from) * 0.01);
  if (Math.abs(span.to - beforeS) > slack) return span;
  return { from: span.from + nowS - span.to, to: nowS };
}

/** Whole seconds, outward. @param {Span} span */
export function whole(span) {
  return { from: Math.floor(span.from), to: Math.ceil(span.to) };
}

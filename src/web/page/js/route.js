// Addresses: what each view shows stands in its address, so that reload, back and a link show the same. Pure.

import { first, fromSlug, slug, PERIODS } from "./civil.js";

/** @typedef {import("./civil.js").Period} Period */
/** @typedef {"now" | "energy" | "history" | "meters" | "health"} View */
/**
 * @typedef {{
 *   view: View, period: Period, date: string | null, compare: "off" | "previous" | "year",
 *   from: number | null, to: number | null, as: "power" | "energy" | "cost",
 * }} Route
 */

/** @type {View[]} */
export const VIEWS = ["now", "energy", "history", "meters", "health"];

/** @type {Route} */
export const START = { view: "now", period: "day", date: null, compare: "previous", from: null, to: null, as: "power" };

/** What an address shows; null: it is none of ours. @param {string} path @param {string} query @returns {Route | null} */
export function parse(path, query) {
  const steps = path.split("/").filter((step) => step !== "");
  const asked = new URLSearchParams(query);
  if (steps.length === 0) return { ...START };
  const view = VIEWS.find((known) => known === steps[0]);
  if (!view || view === "now") return null;
  if (view === "energy") return parseEnergy(steps.slice(1), asked);
  if (steps.length > 1) return null;
  if (view === "history") {
    const [from, to] = [moment(asked.get("from")), moment(asked.get("to"))];
    const isSpan = from !== null && to !== null && to > from;
    return {
      ...START, view, from: isSpan ? from : null, to: isSpan ? to : null, as: asked.get("as") === "energy" ? "energy" : "power",
    };
  }
  return { ...START, view };
}

/** @param {string[]} steps @param {URLSearchParams} asked @returns {Route | null} */
function parseEnergy(steps, asked) {
  const period = PERIODS.find((known) => known === (steps[0] ?? "day"));
  if (!period || steps.length > 2) return null;
  const date = steps.length === 2 ? fromSlug(period, steps[1]) : null;
  if (steps.length === 2 && !date) return null;
  const compare = asked.get("compare");
  return { ...START, view: "energy", period, date, compare: compare === "year" || compare === "off" ? compare : "previous", as: asked.get("as") === "cost" ? "cost" : "power" };
}

/** In seconds since 1970. @param {string | null} text */
function moment(text) {
  if (text === null) return null;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  return Number.isFinite(ms) ? ms / 1000 : null;
}

/** The address. @param {Route} route */
export function address(route) {
  /** @type {string[]} */
  const parts = [];
  const asked = (/** @type {string} */ path) => [path, ...(parts.length > 0 ? [parts.join("&")] : [])].join("?");
  switch (route.view) {
    case "now": return "/";
    case "energy": {
      const date = route.date && route.period !== "total" ? `/${slug(route.period, first(route.period, route.date))}` : "";
      const path = route.period === "day" && !date ? "/energy" : `/energy/${route.period}${date}`;
      if (route.compare !== "previous") parts.push(`compare=${route.compare}`);
      if (route.as === "cost") parts.push("as=cost");
      return asked(path);
    }
    case "history": {
      if (route.from !== null && route.to !== null) parts.push(`from=${stamp(route.from)}`, `to=${stamp(route.to)}`);
      if (route.as === "energy") parts.push("as=energy");
      return asked("/history");
    }
    default: return `/${route.view}`;
  }
}

/** RFC 3339, to the second. @param {number} s */
export function stamp(s) {
  return new Date(Math.round(s) * 1000).toISOString().replace(".000Z", "Z");
}

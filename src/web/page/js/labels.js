// What the parts of a period are called, and the period itself. Pure but for the words.

import { clock, hourLabels, ofDate, ofDates, shortDay } from "./moment.js";
import { isoWeek, addDays } from "./civil.js";
import { locale, t } from "./text.js";

/** @typedef {import("./types").EnergySpan} EnergySpan */

/** In full, for the reading and the table. @param {EnergySpan} span @param {string} zone @returns {string[]} */
export function partNames(span, zone) {
  const l = locale();
  switch (span.part) {
    case "hour": {
      const names = hourLabels(span.starts_s, zone, l, (label) => t("second.time", { t: label }));
      return span.dates.map((_, n) => `${names[n]}–${clock(span.starts_s[n + 1] * 1000, zone, l)}`);
    }
    case "day": return span.dates.map((date) => ofDate(date, l, { weekday: "short", day: "numeric", month: "short", year: "numeric" }));
    case "month": return span.dates.map((date) => ofDate(date, l, { month: "long", year: "numeric" }));
    default: return span.dates.map((date) => date.slice(0, 4));
  }
}

/** Short, under the axis; an empty one is left out. @param {EnergySpan} span @param {string} zone @param {number} slotPx @returns {string[]} */
export function axisNames(span, zone, slotPx) {
  const l = locale();
  const every = (/** @type {number} */ px) => Math.max(1, Math.ceil(px / slotPx));
  switch (span.part) {
    case "hour": {
      const step = [1, 2, 3, 6, 12].find((hours) => hours * slotPx >= 26) ?? 12;
      const names = span.starts_s.slice(0, -1).map((start) => clock(start * 1000, zone, l));
      return names.map((name, n) => (Number(name.slice(0, 2)) % step === 0 && names.indexOf(name) === n ? hourOf(name) : ""));
    }
    case "day": {
      if (span.dates.length <= 7) return span.dates.map((date) => ofDate(date, l, { weekday: "short" }));
      const step = every(22) > 1 ? Math.max(2, every(22)) : 1;
      return span.dates.map((date, n) => (step === 1 || n % step === 0 ? String(Number(date.slice(8))) : ""));
    }
    case "month": return span.dates.map((date) => ofDate(date, l, { month: slotPx < 34 ? "narrow" : "short" }));
    default: return span.dates.map((date, n) => (n % every(40) === 0 ? date.slice(0, 4) : ""));
  }
}

/** "06:00" as "6", "06:30" as it is. @param {string} name */
function hourOf(name) {
  return name.endsWith(":00") ? String(Number(name.slice(0, 2))) : name;
}

/** The period: "Sun 25 Oct 2026 (25 h)". @param {EnergySpan} span @param {string} zone */
export function periodName(span, zone) {
  const l = locale();
  if (span.date === null) return t("all.years");
  switch (span.period) {
    case "day": {
      const name = dateName("day", span.date);
      const hours = (Date.parse(span.to) - Date.parse(span.from)) / 3_600_000;
      return hours === 24 ? name : t("hours.of", { date: name, n: String(hours).replace(".", l === "de-DE" ? "," : ".") });
    }
    case "total": return t("since", { date: shortDay(Date.parse(span.from), zone, l) });
    default: return dateName(span.period, span.date);
  }
}

/** The same from a date alone, before anything is known of it. @param {string} period @param {string} date */
export function dateName(period, date) {
  const l = locale();
  switch (period) {
    case "day": return ofDate(date, l, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
    case "week": {
      return t("week.of", { w: String(Number(isoWeek(date).slice(6))), days: ofDates(date, addDays(date, 6), l) });
    }
    case "month": return ofDate(date, l, { month: "long", year: "numeric" });
    case "year": return date.slice(0, 4);
    default: return t("all.years");
  }
}

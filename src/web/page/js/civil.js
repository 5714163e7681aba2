// Local dates and periods without any zone: "2026-10-25" and what is before and after it. Pure. Where a day begins is
// not known here: the API says so.

/** @typedef {"day" | "week" | "month" | "year" | "total"} Period */

/** @type {Period[]} */
export const PERIODS = ["day", "week", "month", "year", "total"];

const DAY_MS = 86_400_000;

/** A date as a number of days. @param {string} date */
function days(date) {
  const [y, m, d] = date.split("-").map(Number);
  const ms = Date.UTC(2000, m - 1, d);
  const at = new Date(ms);
  at.setUTCFullYear(y, m - 1, d);
  return Math.round(at.getTime() / DAY_MS);
}

/** @param {number} number */
function fromDays(number) {
  return new Date(number * DAY_MS).toISOString().slice(0, 10);
}

/** Whether it is a date of the calendar. @param {string} date */
export function isDate(date) {
  return /^\d{4}-\d\d-\d\d$/.test(date) && fromDays(days(date)) === date;
}

/** @param {string} date @param {number} by */
export function addDays(date, by) {
  return fromDays(days(date) + by);
}

/** Monday of the date's week. @param {string} date */
export function monday(date) {
  const n = days(date);
  // 1970-01-01 was a Thursday.
  return fromDays(n - ((((n + 3) % 7) + 7) % 7));
}

/** The first day of the period that a date is in. @param {Period} period @param {string} date */
export function first(period, date) {
  switch (period) {
    case "week": return monday(date);
    case "month": return date.slice(0, 7) + "-01";
    case "year": return date.slice(0, 4) + "-01-01";
    default: return date;
  }
}

/** The first day of a period so many periods later. @param {Period} period @param {string} date @param {number} by */
export function step(period, date, by) {
  const from = first(period, date);
  switch (period) {
    case "day": return addDays(from, by);
    case "week": return addDays(from, 7 * by);
    case "month": {
      const [y, m] = from.split("-").map(Number);
      const n = y * 12 + m - 1 + by;
      return `${pad(Math.floor(n / 12), 4)}-${pad((n % 12) + 1, 2)}-01`;
    }
    case "year": return `${pad(Number(from.slice(0, 4)) + by, 4)}-01-01`;
    default: return from;
  }
}

/** @param {number} n @param {number} width */
function pad(n, width) {
  return String(n).padStart(width, "0");
}

/** ISO week of a date: "2026-W43". @param {string} date */
export function isoWeek(date) {
  const thursday = addDays(monday(date), 3);
  const year = thursday.slice(0, 4);
  const week = Math.floor((days(thursday) - days(`${year}-01-01`)) / 7) + 1;
  return `${year}-W${pad(week, 2)}`;
}

/** Monday of an ISO week; null: there is no such week. @param {string} week */
export function fromIsoWeek(week) {
  const match = /^(\d{4})-W(\d\d)$/.exec(week);
  if (!match) return null;
  const date = addDays(monday(`${match[1]}-01-04`), 7 * (Number(match[2]) - 1));
  return isoWeek(date) === week ? date : null;
}

/** How a period is written in an address. @param {Period} period @param {string} date */
export function slug(period, date) {
  switch (period) {
    case "week": return isoWeek(date);
    case "month": return date.slice(0, 7);
    case "year": return date.slice(0, 4);
    case "total": return "";
    default: return date;
  }
}

/** The first day of what stands in an address; null: it is no such period. @param {Period} period @param {string} slug */
export function fromSlug(period, slug) {
  switch (period) {
    case "day": return isDate(slug) ? slug : null;
    case "week": return fromIsoWeek(slug);
    case "month": return isDate(slug + "-01") ? slug + "-01" : null;
    case "year": return isDate(slug + "-01-01") ? slug + "-01-01" : null;
    default: return slug === "" ? "" : null;
  }
}

/** The period into which a part of a period leads. @param {Period} period @returns {Period | null} */
export function inner(period) {
  switch (period) {
    case "total": return "year";
    case "year": return "month";
    case "month": case "week": return "day";
    default: return null;
  }
}

/** The period out of a period. @param {Period} period @returns {Period | null} */
export function outer(period) {
  switch (period) {
    case "day": return "month";
    case "week": case "month": return "year";
    case "year": return "total";
    default: return null;
  }
}

// Instants in words, in the zone that the API names, whatever zone the reader is in. Pure.

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {string} locale @param {string} zone @param {Intl.DateTimeFormatOptions} options */
function format(locale, zone, options) {
  const key = locale + zone + JSON.stringify(options);
  let known = formats.get(key);
  if (!known) {
    known = made(locale, zone, options);
    formats.set(key, known);
  }
  return known;
}

/** A zone that the browser does not know is shown in UTC. @param {string} locale @param {string} zone @param {Intl.DateTimeFormatOptions} options */
function made(locale, zone, options) {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone: "UTC" });
  }
}

/** 24 hours and never "24:00". @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** "14:03". @param {number} ms @param {string} zone @param {string} locale */
export function clock(ms, zone, locale) {
  return format(locale, zone, CLOCK).format(ms);
}

/** "14:03:12". @param {number} ms @param {string} zone @param {string} locale */
export function clockSeconds(ms, zone, locale) {
  return format(locale, zone, { ...CLOCK, second: "2-digit" }).format(ms);
}

/** "25 Oct 2026, 14:03". @param {number} ms @param {string} zone @param {string} locale */
export function dateTime(ms, zone, locale) {
  return format(locale, zone, { day: "numeric", month: "short", year: "numeric", ...CLOCK }).format(ms);
}

/** "Sun 25 Oct 2026". @param {number} ms @param {string} zone @param {string} locale */
export function dayOf(ms, zone, locale) {
  return format(locale, zone, { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(ms);
}

/** "3 May 2026". @param {number} ms @param {string} zone @param {string} locale */
export function shortDay(ms, zone, locale) {
  return format(locale, zone, { day: "numeric", month: "short", year: "numeric" }).format(ms);
}

/** A local date, which has no zone any more. @param {string} date @param {string} locale @param {Intl.DateTimeFormatOptions} options */
export function ofDate(date, locale, options) {
  return format(locale, "UTC", options).format(Date.parse(date + "T00:00:00Z"));
}

/** "13–19 Jul 2026". @param {string} from @param {string} to @param {string} locale */
export function ofDates(from, to, locale) {
  const known = format(locale, "UTC", { day: "numeric", month: "short", year: "numeric" });
  return known.formatRange(Date.parse(from + "T00:00:00Z"), Date.parse(to + "T00:00:00Z"));
}

/** The local time's fields. @param {number} ms @param {string} zone */
export function fields(ms, zone) {
  const parts = format("en-GB", zone, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).formatToParts(ms);
  /** @param {string} type */
  const of = (type) => Number(parts.find((part) => part.type === type)?.value);
  return { year: of("year"), month: of("month"), day: of("day"), hour: of("hour"), minute: of("minute"), second: of("second") };
}

/** The local date of an instant. @param {number} ms @param {string} zone */
export function localDate(ms, zone) {
  const { year, month, day } = fields(ms, zone);
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
}

/** As an `<input type=datetime-local>` takes it: "2026-10-25T14:03". @param {number} ms @param {string} zone */
export function toInput(ms, zone) {
  const { hour, minute } = fields(ms, zone);
  return `${localDate(ms, zone)}T${String(hour).padStart(2, "0")}:${String(minute).padStart(2, "0")}`;
}

/** How far local time is ahead of UTC at an instant, in milliseconds. @param {number} ms @param {string} zone */
function offsetMs(ms, zone) {
  const f = fields(ms, zone);
  return Date.UTC(f.year, f.month - 1, f.day, f.hour, f.minute, f.second) - Math.floor(ms / 1000) * 1000;
}

/**
 * The instant of a local time "2026-10-25T14:03": the earlier of two; in a gap the time that a clock shows which was not
 * set forward. null: it is no time.
 * @param {string} local @param {string} zone
 */
export function fromInput(local, zone) {
  const wall = Date.parse(local + "Z");
  if (Number.isNaN(wall)) return null;
  const day = 86_400_000;
  const before = offsetMs(wall - day, zone);
  const after = offsetMs(wall + day, zone);
  const early = wall - Math.max(before, after);
  const late = wall - Math.min(before, after);
  if (toMs(early, zone) === wall) return early;
  if (toMs(late, zone) === wall) return late;
  return wall - before;
}

/** Local time as if it were UTC. @param {number} ms @param {string} zone */
function toMs(ms, zone) {
  return ms + offsetMs(ms, zone);
}

/**
 * The hours of a day as their begin's local time. A time that comes twice is marked the second time.
 * @param {number[]} startsS @param {string} zone @param {string} locale @param {(hour: string) => string} second
 */
export function hourLabels(startsS, zone, locale, second) {
  const seen = new Set();
  return startsS.map((start) => {
    const label = clock(start * 1000, zone, locale);
    const isSecond = seen.has(label);
    seen.add(label);
    return isSecond ? second(label) : label;
  });
}

/**
 * A span of time in its two largest units. @param {number} seconds @param {import("./text.js").Words} words
 */
export function span(seconds, words) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s}\u202f${words.second}`;
  if (s < 3600) return two(Math.floor(s / 60), words.minute, s % 60, words.second, s < 600);
  if (s < 86_400) return two(Math.floor(s / 3600), words.hour, Math.floor((s % 3600) / 60), words.minute, true);
  return two(Math.floor(s / 86_400), words.day, Math.floor((s % 86_400) / 3600), words.hour, s < 864_000);
}

/** @param {number} a @param {string} unitA @param {number} b @param {string} unitB @param {boolean} both */
function two(a, unitA, b, unitB, both) {
  const large = `${a}\u202f${unitA}`;
  return both && b > 0 ? `${large} ${b}\u202f${unitB}` : large;
}

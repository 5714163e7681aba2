// The words of the page in the reader's language, from one table a language.

import en from "../texts/en.js";
import de from "../texts/de.js";

/** @typedef {{second: string, minute: string, hour: string, day: string}} Words */

/** @type {Record<string, Record<string, any>>} */
const TABLES = { en, de };
const KEPT = "powerlogger.language";

let language = choose();

/** The kept choice, else the first of the browser's languages that there is a table for. */
function choose() {
  let kept = null;
  try {
    kept = globalThis.localStorage?.getItem(KEPT);
  } catch {
    // Storage may be forbidden: then the choice lasts as long as the page.
  }
  const wanted = [kept ?? "", ...(globalThis.navigator?.languages ?? [])];
  return wanted.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TABLES) ?? "en";
}

/** The language's tag, for `<html lang>`. */
export function lang() {
  return language;
}

/** The locale of numbers and dates: one of ours, never the browser's own, which may be no valid tag. */
export function locale() {
  return TABLES[language].locale;
}

/** Takes another language. @param {string} [wanted] */
export function setLanguage(wanted) {
  const all = Object.keys(TABLES);
  language = wanted && wanted in TABLES ? wanted : all[(all.indexOf(language) + 1) % all.length];
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    // See above.
  }
}

/**
 * The text of a key, with {x} filled in. Of "a | b" the first where `n` is one.
 * @param {string} key @param {Record<string, string | number>} [filled]
 */
export function t(key, filled = {}) {
  return fill(TABLES[language][key] ?? en[/** @type {keyof typeof en} */ (key)] ?? key, filled);
}

/** Whether there is a text for it. @param {string} key */
export function has(key) {
  return key in en;
}

/** @param {string} text @param {Record<string, string | number>} filled */
function fill(text, filled) {
  const [one, several] = text.split(" | ");
  const chosen = several !== undefined && String(filled.n) !== "1" ? several : one;
  return chosen.replace(/\{([a-z]+)\}/g, (whole, name) => String(filled[name] ?? whole));
}

/** The units of time. @returns {Words} */
export function words() {
  return /** @type {any} */ (TABLES[language]);
}

/**
 * What is the matter and what to do: in this language where the word is known, else as the daemon says it.
 * @param {import("./types").Condition} condition
 */
export function condition(condition) {
  const known = TABLES[language].condition[condition.word];
  const [sentence, remedy] = known ?? [condition.sentence, condition.remedy];
  return { sentence, remedy, why: condition.why ?? "" };
}

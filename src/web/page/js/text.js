// The words of the page in the reader's language, from one table a language.

/** @typedef {{second: string, minute: string, hour: string, day: string}} Words */

const KEPT = "powerlogger.language";

/** `early.js` has chosen it. */
const language = globalThis.document?.documentElement.lang || "en";

/** @type {Record<string, any>} */
const table = (await import(`../texts/${language}.js`)).default;

/** The language's tag. */
export function lang() {
  return language;
}

/** The locale of numbers and dates: one of ours, never the browser's own, which may be no valid tag. */
export function locale() {
  return table.locale;
}

/** Takes the next language, and the page from its beginning. */
export function nextLanguage() {
  const all = (document.documentElement.dataset.languages ?? "en").split(" ");
  try {
    localStorage.setItem(KEPT, all[(all.indexOf(language) + 1) % all.length]);
  } catch {
    // Storage may be forbidden: then it stays the browser's.
  }
  location.reload();
}

/**
 * The text of a key, with {x} filled in. Of "a | b" the first where `n` is one.
 * @param {string} key @param {Record<string, string | number>} [filled]
 */
export function t(key, filled = {}) {
  return fill(table[key] ?? key, filled);
}

/** Whether there is a text for it. @param {string} key */
export function has(key) {
  return key in table;
}

/** @param {string} text @param {Record<string, string | number>} filled */
function fill(text, filled) {
  const [one, several] = text.split(" | ");
  const chosen = several !== undefined && String(filled.n) !== "1" ? several : one;
  return chosen.replace(/\{([a-z]+)\}/g, (whole, name) => String(filled[name] ?? whole));
}

/** The units of time. @returns {Words} */
export function words() {
  return /** @type {any} */ (table);
}

/** Title and remedy of a kind of problem, by its address. @param {string} type @returns {[string, string] | undefined} */
export function problemText(type) {
  return table.problem[type.slice(type.lastIndexOf("/") + 1)];
}

/**
 * What is the matter and what to do: in this language where the word is known, else as the daemon says it.
 * @param {import("./types").Condition} condition
 */
export function condition(condition) {
  const known = table.condition[condition.word];
  const [sentence, remedy] = known ?? [condition.sentence, condition.remedy];
  // The daemon's own sentence says it already.
  if (!known) return { sentence, remedy, why: "" };
  return { sentence, remedy, why: condition.why ?? condition.text ?? "" };
}

// A refusal in place of what was asked for: its title, its remedy, and "again".

import { el } from "./dom.js";
import { Refused } from "./api.js";
import { problemText, t } from "./text.js";

/** @typedef {import("./types").Problem} Problem */

/** @param {unknown} failed @param {() => void} again */
export function problemCard(failed, again) {
  const problem = failed instanceof Refused ? failed.problem : null;
  const said = problem ? worded(problem) : { title: String(failed), detail: "", remedy: "" };
  const details = problem?.errors?.map((error) => el("li", { lang: "en" }, `${error.parameter}: ${error.detail}`)) ?? [];
  return el("div", { class: "problem", role: "group" },
    el("p", { class: "problem-title" }, el("span", { "aria-hidden": "true" }, "▲ "), said.title),
    said.detail && el("p", { lang: "en" }, said.detail),
    details.length > 0 && el("ul", null, details),
    said.remedy && el("p", null, said.remedy),
    el("button", { type: "button", class: "button", onclick: again }, t("again")));
}

/**
 * What is refused and what to do: in this language where the kind is known, else as the daemon says it. Its detail is in
 * English alone: names and numbers, which other languages show as they are.
 * @param {Problem} problem
 */
export function worded(problem) {
  const known = problemText(problem.type);
  return { title: known?.[0] ?? problem.title, detail: problem.detail, remedy: known?.[1] ?? problem.remedy };
}

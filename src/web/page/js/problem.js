// A refusal in place of what was asked for: its title, its remedy, and "again".

import { el } from "./dom.js";
import { Refused } from "./api.js";
import { t } from "./text.js";

/** @param {unknown} failed @param {() => void} again */
export function problemCard(failed, again) {
  const problem = failed instanceof Refused ? failed.problem : null;
  const details = problem?.errors?.map((error) => el("li", null, `${error.parameter}: ${error.detail}`)) ?? [];
  return el("div", { class: "problem", role: "group" },
    el("p", { class: "problem-title" }, el("span", { "aria-hidden": "true" }, "▲ "), problem?.title ?? String(failed)),
    problem?.detail && el("p", null, problem.detail),
    details.length > 0 && el("ul", null, details),
    problem?.remedy && el("p", null, problem.remedy),
    el("button", { type: "button", class: "button", onclick: again }, t("again")));
}

/** Whether the answer is only not wanted any more. @param {unknown} failed */
export function isAborted(failed) {
  return failed instanceof DOMException && failed.name === "AbortError";
}

// Single keys: what they do is told under "?", where they can also be switched off. They never act in a field.

import { byId, el, fill } from "./dom.js";
import { t } from "./text.js";

const KEPT = "powerlogger.keys";

/** @type {[string, string][]} */
const LIST = [
  ["1 – 5", "key.view"], ["d w m y a", "key.period"], ["← →", "key.step"], ["t", "key.today"], ["+ − 0", "key.zoom"], ["c", "key.compare"], ["k", "key.cost"],
  ["e", "key.energy"], ["x", "key.csv"], ["s", "key.say"], ["Enter", "key.enter"], ["Esc", "key.escape"], ["?", "key.list"],
];

/** @param {(event: KeyboardEvent) => boolean} act */
export function keys(act) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("keys"));
  let areOn = true;
  try {
    areOn = localStorage.getItem(KEPT) !== "off";
  } catch {
    // Storage may be forbidden: they are on.
  }
  const toggle = el("button", { type: "button", class: "button", onclick: () => set(!areOn) });
  const set = (/** @type {boolean} */ on) => {
    areOn = on;
    toggle.textContent = t(on ? "keys.on" : "keys.off");
    toggle.setAttribute("aria-pressed", String(on));
    try {
      localStorage.setItem(KEPT, on ? "on" : "off");
    } catch {
      // It lasts as long as the page.
    }
  };
  set(areOn);
  fill(dialog, el("h2", { id: "keys-title" }, t("keys")),
    el("dl", { class: "keys" }, LIST.map(([key, what]) => el("div", null, el("dt", null, el("kbd", null, key)), el("dd", null, t(what))))),
    el("div", { class: "row" }, toggle, el("button", { type: "button", class: "button", onclick: () => dialog.close() }, t("close"))),
    el("p", { class: "muted" }, t("licence")));
  byId("keys-open").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const target = event.target;
    if (target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], [role=slider]")) return;
    if (!areOn) return;
    if (event.key === "?") {
      dialog.showModal();
      event.preventDefault();
    } else if (act(event)) event.preventDefault();
  });
}

// The one live region: it speaks on a change of state and after a key, never for a power value.

import { byId } from "./dom.js";

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Says it after 250 ms; of several the last one. @param {string} text */
export function announce(text) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    byId("said").textContent = text;
  }, 250);
}

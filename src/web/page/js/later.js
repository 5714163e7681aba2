// Code that comes when it is first needed, and what is done where it does not come.

import { offline } from "./api.js";
import { state } from "./store.js";

/** So old a page must be before it is loaded again by itself: never in a circle. */
const AGE_MS = 30_000;

/**
 * A module, or a refusal. Where the daemon answers and does not have it, it is of another version than the page, which is
 * loaded again: its address shows the same.
 * @template T @param {() => Promise<T>} load @returns {Promise<T>}
 */
export async function later(load) {
  try {
    return await load();
  } catch {
    if (state.connection === "live" && performance.now() > AGE_MS) location.reload();
    throw offline();
  }
}

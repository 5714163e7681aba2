// The newest state, and who is told of it.

/** @typedef {import("./types").Now} Now */
/** @typedef {"now" | "tick" | "minute" | "minutes" | "day" | "health" | "connection" | "resumed" | "reload" | "language"} Topic */

/** @type {Map<Topic, Set<(data?: any) => void>>} */
const listeners = new Map();

/** @type {{now: Now | null, health: import("./types").Health | undefined, receivedMs: number, connection: import("./stream.js").Connection}} */
export const state = { now: null, health: undefined, receivedMs: 0, connection: "connecting" };

/** @type {(now: Now) => void} */
let first;
/** Comes with the first state: from then on the zone and the daemon's time are known. @type {Promise<Now>} */
export const ready = new Promise((resolve) => (first = resolve));

/** Calls for every news of a topic, until the answer is called. @param {Topic} topic @param {(data?: any) => void} told */
export function on(topic, told) {
  const all = listeners.get(topic) ?? new Set();
  listeners.set(topic, all);
  all.add(told);
  return () => all.delete(told);
}

/** @param {Topic} topic @param {any} [data] */
export function tell(topic, data) {
  for (const told of [...(listeners.get(topic) ?? [])]) told(data);
}

/** Takes a state. @param {Now} now */
export function take(now) {
  const isNewDay = state.now !== null && state.now.today.date !== now.today.date;
  state.now = now;
  state.receivedMs = performance.now();
  if (now.health) takeHealth(now.health);
  first(now);
  tell("now");
  if (isNewDay) tell("day");
}

/** @param {import("./types").Health} health */
export function takeHealth(health) {
  state.health = health;
  tell("health");
}

/** Milliseconds since the state was received. */
export function sinceMs() {
  return performance.now() - state.receivedMs;
}

/** The daemon's time now, in milliseconds since 1970; the reader's where nothing was heard. */
export function nowMs() {
  return state.now ? Date.parse(state.now.as_of) + sinceMs() : Date.now();
}

/** The zone of all times. */
export function zone() {
  return state.now?.zone ?? "UTC";
}

/** Whether what is shown is old: then power is not known any more. */
export function isStale() {
  return state.connection !== "live" && state.connection !== "polling" && sinceMs() > 60_000;
}

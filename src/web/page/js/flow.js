// The flow bar's parts: what of the import, of the generation and of the export goes where. Pure.

/**
 * @typedef {{role: "import" | "self" | "export", watts: number, share: number}} Part
 */

/** Fewer watts than this, and a smaller share, are what is left of a pulse long ago. */
const LEAST_W = 5;
const LEAST_SHARE = 0.02;

/**
 * The parts from left to right: import and self-consumption together are the house, self-consumption and export together
 * the generation. Clamped: a difference of meters may be below zero by a pulse. null: there is no flow to show.
 * @param {{import_w: number | null, export_w: number | null, generation_w: number | null, self_w: number | null, why: string | null}} flow
 * @returns {Part[] | null}
 */
export function parts(flow) {
  if (flow.why !== null || flow.import_w === null) return null;
  const all = [flow.import_w, flow.self_w ?? 0, flow.export_w ?? 0].map((watts) => Math.max(0, watts));
  const whole = all.reduce((a, b) => a + b, 0);
  const watts = all.map((part) => (part < LEAST_W && part < whole * LEAST_SHARE ? 0 : part));
  const sum = watts.reduce((a, b) => a + b, 0);
  const roles = /** @type {const} */ (["import", "self", "export"]);
  return roles.map((role, n) => ({ role, watts: watts[n], share: sum > 0 ? watts[n] / sum : 0 }));
}

/** Why there is no flow for the moment: what the meters are to the house is known all the same. */
const PASSING = ["not_watched", "too_few_pulses"];

/** Whether the meters make a house: what is shown of it stays in its place also while nothing is known. @param {{why: string | null}} flow */
export function isHouse(flow) {
  return flow.why === null || PASSING.includes(flow.why);
}

/** Which share of the house comes from the sun. null: it draws nothing. @param {Part[]} all */
export function fromSun(all) {
  const of = (/** @type {string} */ role) => all.find((part) => part.role === role)?.watts ?? 0;
  const house = of("import") + of("self");
  return house < 1 ? null : of("self") / house;
}

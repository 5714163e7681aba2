// What the chart of today's power shows, from columns of the history. Pure.

/** @typedef {import("./types").History} History */
/** @typedef {import("./types").HistoryMeter} HistoryMeter */

/**
 * With derived values: self-consumption, import, export; else each meter. The least of the house between midnight and six
 * is the base load.
 * @param {History} history @param {boolean} isHouse @param {(role: string) => string} name
 * @param {(s: number) => number} hourOf the local hour of an instant
 */
export function dayPower(history, isHouse, name, hourOf) {
  const meters = /** @type {HistoryMeter[]} */ (history.meters.filter((meter) => "mean_w" in meter));
  const startS = history.start_s ?? 0;
  const widthS = history.width_s ?? 900;
  const n = meters[0]?.mean_w.length ?? 0;
  if (!isHouse) {
    return {
      startS, widthS, isStacked: false, base: null,
      series: meters.map((meter) => ({
        role: meter.role, name: meter.role === "other" ? meter.meter : name(meter.role), sign: /** @type {1 | -1} */ (meter.role === "export" ? -1 : 1), watts: meter.mean_w,
      })),
    };
  }
  const of = (/** @type {string} */ role) => meters.filter((meter) => meter.role === role);
  const at = (/** @type {string} */ role, /** @type {number} */ i) => of(role).reduce(
    (/** @type {number | null} */ sum, meter) => (sum === null || meter.mean_w[i] === null ? null : sum + meter.mean_w[i]), 0);
  const columns = { self: [], import: [], export: [] };
  /** @type {number | null} */
  let base = null;
  for (let i = 0; i < n; i += 1) {
    const [drawn, given, made] = [at("import", i), at("export", i), at("generation", i)];
    const known = drawn !== null && given !== null && made !== null;
    /** @type {(number | null)[]} */ (columns.self).push(known ? Math.max(0, made - given) : null);
    /** @type {(number | null)[]} */ (columns.import).push(drawn);
    /** @type {(number | null)[]} */ (columns.export).push(given);
    const house = known ? drawn + made - given : null;
    if (house !== null && house > 0 && hourOf(startS + i * widthS) < 6 && (base === null || house < base)) base = house;
  }
  /** @type {{role: string, name: string, sign: 1 | -1, watts: (number | null)[]}[]} */
  const series = [];
  if (of("generation").length > 0) series.push({ role: "self", name: name("self"), sign: 1, watts: columns.self });
  series.push({ role: "import", name: name("import"), sign: 1, watts: columns.import });
  if (of("export").length > 0) series.push({ role: "export", name: name("export"), sign: -1, watts: columns.export });
  return { startS, widthS, isStacked: true, base, series };
}

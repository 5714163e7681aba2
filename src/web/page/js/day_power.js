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

/**
 * Puts the means of a quarter of an hour into the columns of today, which grow by it.
 * @param {History} history @param {number} startS @param {Map<string, number | null>} means by meter
 */
export function putQuarter(history, startS, means) {
  const [firstS, widthS] = [history.start_s, history.width_s];
  if (firstS === null || widthS !== 900 || startS < firstS || means.size === 0) return;
  const n = (startS - firstS) / widthS;
  for (const meter of history.meters) {
    if (!("mean_w" in meter)) continue;
    while (meter.mean_w.length < n) meter.mean_w.push(null);
    meter.mean_w[n] = means.get(meter.meter) ?? null;
  }
}

/**
 * The chart's numbers by the hour, for a table: each series and the mean of its quarters. Null: not watched.
 * @param {ReturnType<typeof dayPower> & {from: number, to: number}} shown @param {number} nowS
 */
export function byHour(shown, nowS) {
  const rows = [];
  for (let start = shown.from; start < Math.min(shown.to, nowS); start += 3600) {
    const end = Math.min(start + 3600, shown.to);
    const watts = shown.series.map((one) => {
      const known = one.watts.filter((_, n) => shown.startS + n * shown.widthS >= start && shown.startS + n * shown.widthS < end).filter((value) => value !== null);
      return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length;
    });
    rows.push({ start, end, watts });
  }
  return rows;
}

/**
 * The stretches, from one index to another, in which nothing is known of one of them, after the first and before the last
 * index with a value.
 * @param {(number | null)[][]} columns @returns {[number, number][]}
 */
export function unknown(columns) {
  const length = columns[0]?.length ?? 0;
  const isKnown = Array.from({ length }, (_, n) => columns.every((column) => column[n] !== null && column[n] !== undefined));
  const [first, last] = [isKnown.indexOf(true), isKnown.lastIndexOf(true)];
  /** @type {[number, number][]} */
  const stretches = [];
  for (let n = first; n >= 0 && n < last; n += 1) {
    if (isKnown[n]) continue;
    const before = stretches.at(-1);
    if (before && before[1] === n) before[1] = n + 1;
    else stretches.push([n, n + 1]);
  }
  return stretches;
}

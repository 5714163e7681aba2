// Power between two pulses: the longer the next one takes, the less it can be. Pure.

/** A pulse may be so old when it is heard of: the stream gathers what comes within half a second, and takes its time. */
const LATE_MS = 1_500;

/**
 * The power to show, `ageMs` after the last pulse: that of the last interval, or less where one pulse more would by now
 * have meant less. null: nothing is known.
 * @param {{power_w: number | null, imp_per_kwh: number | null, rate?: number | null, unit?: string, pulses_per_unit?: number | null}} meter
 * @param {number | null} ageMs
 */
export function powerNow(meter, ageMs) {
  const rate = meter.rate ?? meter.power_w;
  if (rate === null) return null;
  // One unit an hour is 1 kW, or one m³/h, or one l/h.
  const [one, factor] = meter.imp_per_kwh ? [3.6e9, meter.imp_per_kwh] : [3.6e6, meter.pulses_per_unit];
  if (!factor || ageMs === null || ageMs <= LATE_MS) return rate;
  return Math.min(rate, one / (factor * (ageMs - LATE_MS)));
}

/**
 * How old a meter's last pulse is: by the daemon's clock until the state was taken, by the reader's own from then on.
 * No clock of the two is compared with the other.
 * @param {string | null} lastPulse @param {string} asOf @param {number} sinceMs since the state was received
 */
export function ageMs(lastPulse, asOf, sinceMs) {
  if (lastPulse === null) return null;
  return Math.max(0, Date.parse(asOf) - Date.parse(lastPulse)) + Math.max(0, sinceMs);
}

/** Below this, with the last pulse long ago, a source is said to be still: watts, m³/h, l/h. @param {string} [unit] */
export function still(unit) {
  return unit === "m3" ? 0.005 : 5;
}

// Power between two pulses: the longer the next one takes, the less it can be. Pure.

/** A pulse may be so old when it is heard of: the stream gathers what comes within half a second, and takes its time. */
const LATE_MS = 1_500;

/**
 * The power to show, `ageMs` after the last pulse: that of the last interval, or less where one pulse more would by now
 * have meant less. null: nothing is known.
 * @param {{power_w: number | null, imp_per_kwh: number | null}} meter @param {number | null} ageMs
 */
export function powerNow(meter, ageMs) {
  if (meter.power_w === null) return null;
  if (!meter.imp_per_kwh || ageMs === null || ageMs <= LATE_MS) return meter.power_w;
  return Math.min(meter.power_w, 3.6e9 / (meter.imp_per_kwh * (ageMs - LATE_MS)));
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

/** Below this, with the last pulse long ago, a source is said to be still. */
export const STILL_W = 5;

// Numbers as people read them: power, energy, money, ratios, a register's digits. Pure.

/** Between a number and its unit: narrow, and no line break. */
const GAP = "\u202f";
const MINUS = "\u2212";

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/**
 * A number with so many decimals; never "-0", and with a true minus sign. A decimal as a text is rounded as on a bill.
 * @param {number | string} value @param {number} decimals @param {string} locale @param {boolean} [grouped]
 */
export function plain(value, decimals, locale, grouped = true) {
  const key = `${locale}/${decimals}/${grouped}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale, {
      minimumFractionDigits: decimals,
      maximumFractionDigits: decimals,
      useGrouping: grouped,
    });
    formats.set(key, format);
  }
  return signed(format, value);
}

/** @param {Intl.NumberFormat} format @param {number | string} value */
function signed(format, value) {
  const half = 0.5 / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 0);
  return format.format(Math.abs(Number(value)) < half ? 0 : /** @type {number} */ (value)).replace("-", MINUS);
}

/** Thousandths as a decimal, without what a binary fraction adds. @param {number | null | undefined} milli */
export function exact(milli) {
  return milli === null || milli === undefined ? null : (milli / 1000).toFixed(6);
}

/** Whole numbers. @param {number} value @param {string} locale */
export function count(value, locale) {
  return plain(Math.round(value), 0, locale);
}

/**
 * Power with its unit. Watts below 1 kW, then kW with two decimals, one from 10 kW. `before` is the unit that was shown
 * last: near 1 kW it stays, so that the unit does not flap.
 * @param {number} watts @param {string} locale @param {string} [before]
 * @returns {{number: string, unit: "W" | "kW"}}
 */
export function powerParts(watts, locale, before = "W") {
  const size = Math.abs(Math.round(watts));
  if (size < (before === "kW" ? 950 : 1000)) {
    return { number: plain(Math.round(watts), 0, locale), unit: "W" };
  }
  return { number: plain(watts / 1000, size < 9995 ? 2 : 1, locale), unit: "kW" };
}

/** @param {number | null | undefined} watts @param {string} locale @param {string} [before] */
export function power(watts, locale, before) {
  if (watts === null || watts === undefined) return "–";
  const { number, unit } = powerParts(watts, locale, before);
  return number + GAP + unit;
}

/** @typedef {import("./types").Unit} Unit */

/** Whether a meter counts electric energy. @param {Unit} [unit] */
export function isElectric(unit) {
  return unit !== "m3" && unit !== "l";
}

/** A unit as people write it. @param {Unit} [unit] */
export function symbol(unit = "kWh") {
  return unit === "m3" ? "m³" : unit;
}

/** Power, or the flow of gas or water, with its unit. @param {number} value @param {Unit | undefined} unit @param {string} locale @param {string} [before] */
export function rateParts(value, unit, locale, before) {
  if (isElectric(unit)) return powerParts(value, locale, before);
  return { number: plain(value, unit === "m3" ? 3 : 0, locale), unit: `${symbol(unit)}/h` };
}

/** @param {number | null | undefined} value @param {Unit | undefined} unit @param {string} locale */
export function rate(value, unit, locale) {
  if (value === null || value === undefined) return "–";
  const parts = rateParts(value, unit, locale);
  return parts.number + GAP + parts.unit;
}

/** How many decimals an energy in kWh is shown with. @param {number} kwh */
export function energyDecimals(kwh) {
  const size = Math.abs(kwh);
  if (size < 9.995) return 2;
  return size < 99.95 ? 1 : 0;
}

/** Energy in kWh. @param {number | null | undefined} wh @param {string} locale @param {number} [decimals] */
export function energy(wh, locale, decimals) {
  if (wh === null || wh === undefined) return "–";
  const kwh = wh / 1000;
  return plain(kwh, decimals ?? energyDecimals(kwh), locale) + GAP + "kWh";
}

/**
 * What was counted, in thousandths of the unit: watt-hours, or litres of a meter of m³.
 * @param {number | null | undefined} milli @param {Unit | undefined} unit @param {string} locale @param {number} [decimals]
 */
export function amount(milli, unit, locale, decimals) {
  if (isElectric(unit)) return energy(milli, locale, decimals);
  if (milli === null || milli === undefined) return "–";
  return plain(milli / 1000, unit === "m3" ? 2 : 0, locale) + GAP + symbol(unit);
}

/** The same, where more may have come: not all of the time is known. @param {number | null | undefined} milli @param {Unit | undefined} unit @param {boolean} isAll @param {string} locale */
export function atLeast(milli, unit, isAll, locale) {
  const said = amount(milli, unit, locale);
  return isAll || milli === null || milli === undefined ? said : `≥\u202f${said}`;
}

/** The same of a count of the API. @param {import("./types").TodayCount} count @param {Unit | undefined} unit */
export function milliOf(count, unit) {
  if (isElectric(unit)) return count.energy_wh;
  return count.amount === null || count.amount === undefined ? null : count.amount * 1000;
}

/**
 * A ratio in whole per cent. Clamped: a sum of three meters' pulses may be a pulse or two outside.
 * @param {number | null | undefined} ratio @param {string} locale
 */
export function percent(ratio, locale) {
  if (ratio === null || ratio === undefined) return "–";
  const within = Math.min(1, Math.max(0, ratio));
  return plain(Math.round(within * 100), 0, locale) + GAP + "%";
}

/** @param {string | null | undefined} amount decimal @param {string} currency @param {string} locale */
export function money(amount, currency, locale) {
  if (amount === null || amount === undefined) return "–";
  const format = priced(currency, locale);
  return format ? signed(format, amount) : plain(amount, 2, locale) + GAP + currency;
}

/** A currency as people write it. @param {string} currency @param {string} locale */
export function currencySign(currency, locale) {
  return priced(currency, locale)?.formatToParts(0).find(({ type }) => type === "currency")?.value ?? currency;
}

/** null: it is no code of a currency. @param {string} currency @param {string} locale */
function priced(currency, locale) {
  return /^[A-Za-z]{3}$/.test(currency) ? new Intl.NumberFormat(locale, { style: "currency", currency }) : null;
}

/** Bytes. @param {number} bytes @param {string} locale */
export function bytes(bytes, locale) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let n = 0;
  let value = bytes;
  while (value >= 1024 && n < units.length - 1) {
    value /= 1024;
    n += 1;
  }
  return plain(value, n === 0 || value >= 100 ? 0 : 1, locale) + GAP + units[n];
}

/**
 * The digits of a register as on the face of a meter: five or more whole ones, one decimal, cut off, never rounded up. Where
 * the digits of the face are known, `face` has them.
 * @param {number} shown @param {string | null} [face]
 */
export function registerDigits(shown, face = null) {
  if (face) {
    const [digits, decimals = ""] = face.split(".");
    return { whole: [...digits], tenth: decimals };
  }
  const tenths = Math.floor(Math.abs(shown) * 10 + 1e-6);
  const whole = String(Math.floor(tenths / 10)).padStart(5, "0");
  return { whole: [...whole], tenth: String(tenths % 10) };
}

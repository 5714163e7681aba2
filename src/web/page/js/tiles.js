// The tiles of the Now view: the house, then each meter, with power, the last hour and today.

import { el, say } from "./dom.js";
import { ageMs, powerNow, still } from "./decay.js";
import { isHouse, parts } from "./flow.js";
import { clock } from "./moment.js";
import { atLeast, energy, milliOf, money, percent, rateParts } from "./number.js";
import { spark } from "./spark.js";
import { isStale, sinceMs, state, zone } from "./store.js";
import { locale, t } from "./text.js";

/** @typedef {import("./types").NowMeter} NowMeter */

/** A number whose unit does not flap. @param {string} name */
function reading(name) {
  const number = el("span", { class: "number" }, "–");
  const unit = el("span", { class: "unit" });
  /** @type {string | undefined} */
  let before;
  return {
    element: el("p", { class: name }, number, unit),
    /** @param {number | null} value @param {import("./types").Unit} [of] what the meter counts */
    show(value, of) {
      const parts = value === null ? { number: "–", unit: "" } : rateParts(value, of, locale(), before);
      before = parts.unit || before;
      say(number, parts.number);
      say(unit, parts.unit);
    },
  };
}

/** @param {string} role @param {string} name */
function tile(role, name) {
  const power = reading("tile-power");
  const label = el("h2", { class: "tile-name" }, el("i", { class: `dot ${role}`, "aria-hidden": "true" }), el("span", null, name));
  const [today, rate] = [el("span"), el("span", { class: "wide" })];
  const hour = spark(role);
  return { element: el("article", { class: `card tile ${role}` }, label, power.element, hour.element, el("p", { class: "tile-today" }, today, rate)), power, today, rate, hour };
}

/** The meter's name where its role does not say it. @param {NowMeter} meter @param {NowMeter[]} all */
export function meterName(meter, all) {
  const isAlone = all.filter((other) => other.role === meter.role).length === 1;
  if (!isAlone || meter.role === "other") return meter.meter;
  return t(meter.role === "generation" ? "sun" : meter.role);
}

/** What a meter shows now: watts, or flow in its unit an hour. null: nothing is known. @param {NowMeter} meter */
export function shownPower(meter) {
  const now = state.now;
  if (!now || isStale() || !meter.is_read) return null;
  // A pulse that is not heard of makes no power less: then the last value stands, greyed.
  const isHeard = state.connection === "live" || state.connection === "polling";
  const value = powerNow(meter, ageMs(meter.last_pulse, now.as_of, isHeard ? sinceMs() : 0));
  // Long after the last pulse little is left of what one more could mean.
  return value !== null && value < still(meter.unit) && (meter.is_bound || value !== (meter.rate ?? meter.power_w)) ? 0 : value;
}

/** All tiles for these meters. @param {import("./types").Now} first */
export function tiles(first) {
  const hasHouse = isHouse(first.flow) && first.meters.length > 1;
  const house = hasHouse ? tile("house", t("house")) : null;
  const order = ["generation", "import", "export", "other"];
  const sorted = [...first.meters].sort((a, b) => order.indexOf(a.role) - order.indexOf(b.role));
  const each = sorted.map((meter) => ({ meter: meter.meter, made: tile(meter.role, meterName(meter, first.meters)) }));
  const element = el("div", { class: "tiles" }, house?.element, each.map((one) => one.made.element));
  element.classList.toggle("single", first.meters.length === 1);

  const draw = () => {
    const now = state.now;
    if (!now) return;
    if (house) {
      // The same number as below the bar.
      const all = parts(now.flow);
      house.power.show(all === null || isStale() ? null : all.reduce((sum, part) => sum + (part.role === "export" ? 0 : part.watts), 0));
      const { house_wh: wh } = now.today.derived;
      say(house.today, t("today.energy", { e: energy(wh === null ? null : Math.max(0, wh), locale()) }));
    }
    for (const { meter: name, made } of each) {
      const meter = now.meters.find((one) => one.meter === name);
      if (!meter) continue;
      made.power.show(shownPower(meter), meter.unit);
      say(made.today, todayOf(meter, now));
      const { self_rate: share } = now.today.derived;
      say(made.rate, meter.role === "generation" && share !== null && (meter.today.pulses ?? 0) > 0 ? ` · ${t("self.share", { p: percent(share, locale()) })}` : "");
      made.element.classList.toggle("unread", !meter.is_read);
    }
  };
  return { element, draw, house, each };
}

/** What its energy of today costs, or earns: where the meter is the only one of its role. @param {NowMeter} meter @param {import("./types").Now} now */
function costOf(meter, now) {
  const { money: costs } = now.today;
  const isAlone = now.meters.filter((other) => other.role === meter.role).length === 1;
  if (!costs || !isAlone) return "";
  // What is sold is less than nothing as a cost; on its own tile it is what is earned.
  const amount = meter.role === "import" ? costs.import : meter.role === "export" && costs.export !== null ? String(-Number(costs.export)) : null;
  if (amount === null) return "";
  const part = costs.complete ? "" : ` (${t("in.part")})`;
  return ` · ${money(amount, costs.currency, locale())}${part}`;
}

/** @param {NowMeter} meter @param {import("./types").Now} now */
function todayOf(meter, now) {
  const l = locale();
  if (!meter.is_read) return t("not.read");
  const about = now.clock_trusted ? "" : "≈\u202f";
  if (meter.today.pulses === 0 && meter.last_pulse) {
    return t("last.pulse", { time: about + clock(Date.parse(meter.last_pulse), zone(), l) });
  }
  return atLeast(milliOf(meter.today, meter.unit), meter.unit, now.today.complete, l) + costOf(meter, now);
}

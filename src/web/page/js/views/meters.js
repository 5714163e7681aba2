// Meters: does the face of the meter agree?

import { get, isAborted, url } from "../api.js";
import { el, fill, say, svg } from "../dom.js";
import { later } from "../later.js";
import { clock, dateTime, shortDay, span } from "../moment.js";
import { amount, count, milliOf, plain, rate, registerDigits, symbol } from "../number.js";
import { problemCard } from "../problem.js";
import { nowMs, on, state, zone } from "../store.js";
import { locale, t, words } from "../text.js";
import { shownPower } from "../tiles.js";

/** @typedef {import("../types").Meter} Meter */
/** @typedef {import("../types").Meters} Meters */

/** @param {HTMLElement} place */
export function metersView(place) {
  const cards = el("div", { class: "meter-cards" });
  fill(place, el("h1", null, t("view.meters")), cards);
  let isSeen = false;
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {Map<string, {power: HTMLElement, silence: HTMLElement, meter: Meter}>} */
  const live = new Map();
  /** Forms that are open, or about to be: nothing is drawn over them. */
  let entering = 0;

  const load = async () => {
    asking?.abort();
    const control = new AbortController();
    asking = control;
    try {
      /** @type {Meters} */
      const answer = await get("meters", {}, control.signal);
      if (entering === 0) draw(answer);
    } catch (failed) {
      if (!isAborted(failed) && entering === 0) fill(cards, problemCard(failed, load));
    }
  };

  /** @param {Meters} answer */
  const draw = (answer) => {
    live.clear();
    fill(cards, answer.meters.map((meter) => card(meter, answer)));
    tick();
  };

  /** @param {Meter} meter @param {Meters} answer */
  const card = (meter, answer) => {
    const l = locale();
    const watts = el("b", null, rate(meter.rate ?? meter.power_w, meter.unit, l));
    const silence = el("dd");
    live.set(meter.meter, { power: watts, silence, meter });
    const where = meter.chip ? t("chip.line", { line: meter.line ?? "?", chip: meter.chip }) : t("line.of", { line: meter.line ?? "?" });
    const facts = el("dl", { class: "facts" },
      fact(t("today"), amount(milliOf(meter.today, meter.unit), meter.unit, l)),
      fact(t("counted"), meter.pulses === null ? "–" : count(meter.pulses, l)),
      el("div", null, el("dt", null, t("last.pulse.name")), silence),
      fact(t("filter.of"), meter.filter && meter.filter.judged > 0 ? t("filter.text", { rejected: count(meter.filter.rejected, l), judged: count(meter.filter.judged, l) }) : t("filter.none")));
    return el("article", { class: `card meter ${meter.is_configured ? "" : "former"}` },
      el("header", { class: "meter-head" },
        el("h2", null, el("i", { class: `dot ${meter.role}`, "aria-hidden": "true" }), meter.meter),
        el("p", { class: "muted" }, meter.is_configured ? [where, " · ", factor(meter)].join("") : t("former"))),
      meter.line_status && !meter.line_status.is_read && el("p", { class: "note bad" }, `✖ ${t("not.read")}: ${meter.line_status.why}`),
      el("p", { class: "meter-power" }, watts),
      face(meter, answer.can_write),
      facts,
      widths(meter),
      losses(meter),
      answer.can_write && meter.is_configured && reading(meter));
  };

  /** @param {Meter} meter */
  const reading = (meter) => {
    const open = el("button", { type: "button", class: "button" }, t("enter.reading"));
    const at = el("div", { class: "reading-place" }, open);
    open.addEventListener("click", async () => {
      // Its code comes when it is first needed; the card that it belongs to stays until then.
      open.disabled = true;
      entering += 1;
      const done = () => {
        entering -= 1;
        open.disabled = false;
        fill(at, open);
        open.focus();
        load();
      };
      const failed = (/** @type {unknown} */ why) => fill(at, problemCard(why, done));
      const { readingForm } = (await later(() => import("../reading.js")).catch(failed)) ?? {};
      if (!readingForm) return;
      const form = readingForm(meter, done);
      fill(at, form.element);
      form.focus();
    });
    return at;
  };

  const tick = () => {
    const now = state.now;
    for (const [name, { power: watts, silence, meter }] of live) {
      const one = now?.meters.find((other) => other.meter === name);
      if (one) say(watts, rate(shownPower(one), one.unit, locale()));
      say(silence, silenceText(meter, one?.last_pulse ?? meter.last_pulse));
      silence.classList.toggle("warn", meter.is_silent);
    }
  };
  on("tick", () => isSeen && tick());
  on("now", () => isSeen && tick());
  on("minutes", () => isSeen && load());
  on("health", () => isSeen && load());

  return {
    show() {
      isSeen = true;
      load();
    },
    hide() {
      isSeen = false;
      asking?.abort();
    },
    csv: () => url("meters.csv", {}),
  };
}

/** "1000 imp/kWh". @param {Meter} meter */
function factor(meter) {
  const [n, unit] = [meter.pulses_per_unit, symbol(meter.unit)];
  return n ? t("imp", { n: plain(n, Number.isInteger(n) ? 0 : 2, locale()), unit }) : t("imp.none", { unit });
}

/** @param {string} name @param {string} value */
function fact(name, value) {
  return el("div", null, el("dt", null, name), el("dd", null, value));
}

/** "14:03, usual gap 8 s, now 3 min". @param {Meter} meter @param {string | null} last */
function silenceText(meter, last) {
  if (last === null) return "–";
  const ms = Date.parse(last);
  const ageS = Math.max(0, (nowMs() - ms) / 1000);
  const at = ageS < 86_400 ? clock(ms, zone(), locale()) : dateTime(ms, zone(), locale());
  const now = span(ageS, words());
  if (meter.is_silent) return `${at}, ▲ ${t("silence.bad", { now, usual: span(meter.usual_silence_s ?? 0, words()) })}`;
  return meter.gap_s ? `${at}, ${t("silence", { gap: span(meter.gap_s, words()), now })}` : `${at} (${now})`;
}

/** The register like the face of the meter. @param {Meter} meter @param {boolean} canWrite */
function face(meter, canWrite) {
  const l = locale();
  const register = meter.register;
  if (!register) {
    return el("div", { class: "face-place" }, el("p", { class: "muted" }, t("register.none")), !canWrite && el("p", { class: "muted small" }, t("register.how", { meter: meter.meter })));
  }
  const { whole, tenth } = registerDigits(register.shown, register.digits ? register.face : null);
  const unit = symbol(register.unit);
  return el("div", { class: "face-place" },
    el("p", { class: "face", role: "img", "aria-label": `${t("register")} ${whole.join("")}${tenth && "."}${tenth} ${unit}` },
      whole.map((digit) => el("span", { class: "digit", "aria-hidden": "true" }, digit)),
      [...tenth].map((digit) => el("span", { class: "digit tenth", "aria-hidden": "true" }, digit)),
      el("span", { class: "unit", "aria-hidden": "true" }, unit)),
    el("p", { class: "muted small" }, t("register.of", {
      kwh: plain(register.read_shown, 1, l), date: shortDay(Date.parse(register.read_at), zone(), l), n: count(register.pulses, l),
    })),
    register.exchanged_at && el("p", { class: "muted small" }, t(register.serial ? "register.serial" : "register.exchanged", { n: register.serial ?? "", date: shortDay(Date.parse(register.exchanged_at), zone(), l) })));
}

/** How long the latest pulses were, as a strip of bars. @param {Meter} meter */
function widths(meter) {
  const all = meter.widths_ms ?? [];
  if (all.length < 3) return null;
  const sorted = [...all].sort((a, b) => a - b);
  const top = sorted[sorted.length - 1];
  const usual = sorted[Math.floor(sorted.length / 2)];
  const l = locale();
  const said = t("widths.of", { low: plain(sorted[0], 0, l), high: plain(top, 0, l), usual: plain(usual, 0, l) });
  const step = 100 / all.length;
  return el("div", { class: "widths" }, el("p", { class: "label" }, t("widths")),
    svg("svg", { class: "width-strip", viewBox: "0 0 100 24", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
      all.map((ms, n) => svg("rect", { x: (n * step).toFixed(2), width: (step * 0.7).toFixed(2), y: (24 - (ms / top) * 22).toFixed(1), height: ((ms / top) * 22).toFixed(1) }))),
    el("p", { class: "muted small" }, said));
}

/** @param {Meter} meter */
function losses(meter) {
  const l = locale();
  if (meter.losses.length === 0) return el("p", { class: "muted small" }, `✓ ${t("nothing.lost")}`);
  return el("ul", { class: "plain losses", "aria-label": t("losses") }, meter.losses.map((loss) => el("li", { class: loss.lost ? "bad" : "" },
    `${loss.lost ? "✖ " : "• "}${t(`cause.${loss.cause}`)}: ${count(loss.pulses, l)}`)));
}

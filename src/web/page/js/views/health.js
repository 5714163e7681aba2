// Health: can it be trusted? What is wrong comes first, with what to do; then all counters.

import { get, isAborted, url } from "../api.js";
import { el, fill } from "../dom.js";
import { dateTime, shortDay, span } from "../moment.js";
import { bytes, count } from "../number.js";
import { problemCard } from "../problem.js";
import { nowMs, on, state, zone } from "../store.js";
import { condition, has, locale, t, words } from "../text.js";
import { timeline } from "../timeline.js";
import { MARKS, trust } from "../trust.js";

/** All that the API tells: the line of time begins with the first pulse. */
const LOSSES_MAX = 50_000;

/** @typedef {import("../types").Status} Status */
/** @typedef {import("../types").Losses} Losses */
/** @typedef {import("../types").Condition} Condition */

/** @param {HTMLElement} place */
export function healthView(place) {
  const sentence = el("section", { class: "card verdict" });
  const wrong = el("section", { class: "card" });
  const lines = el("section", { class: "card" });
  const numbers = el("div", { class: "health-grid" });
  fill(place, el("h1", null, t("view.health")), sentence, wrong, lines, numbers);
  let isSeen = false;
  /** @type {AbortController | null} */
  let asking = null;

  const drawSentence = () => {
    const { level, sentence: said } = trust(state.health, zone());
    sentence.className = `card verdict ${level}`;
    fill(sentence, el("span", { class: "verdict-mark", "aria-hidden": "true" }, MARKS[level]), el("p", null, el("span", { class: "hidden" }, `${t(level)}: `), said));
    const all = [...(state.health?.conditions ?? [])];
    fill(wrong, el("h2", null, t("health.wrong")), all.length === 0 ? el("p", null, t("health.nothing")) : el("ul", { class: "plain conditions" }, all.map(conditionItem)));
  };

  const load = async () => {
    asking?.abort();
    const control = new AbortController();
    asking = control;
    try {
      /** @type {[Status, Losses]} */
      const [status, losses] = await Promise.all([get("status", {}, control.signal), get("losses", { limit: LOSSES_MAX }, control.signal)]);
      draw(status, losses);
    } catch (failed) {
      if (!isAborted(failed)) fill(numbers, problemCard(failed, load));
    }
  };

  /** @param {Status} status @param {Losses} losses */
  const draw = (status, losses) => {
    const l = locale();
    const nowS = nowMs() / 1000;
    const meters = status.meters.map((meter) => meter.name);
    const since = losses.since_s;
    const told = losses.entries.filter((loss) => loss.lost || loss.cause === "restored");
    const isClean = losses.unwatched.length === 0 && told.length === 0;
    fill(lines, el("h2", null, t("health.timeline")),
      since !== null && el("div", { class: "timeline-place" },
        el("div", { class: "timeline-names", "aria-hidden": "true" }, meters.map((name) => el("span", null, name))),
        el("div", { class: "timeline-box" }, timeline(losses, meters, since, nowS),
          el("div", { class: "timeline-ends muted small" }, el("span", null, shortDay(since * 1000, zone(), l)), el("span", null, shortDay(nowS * 1000, zone(), l))))),
      isClean && since !== null && el("p", null, `✓ ${t("health.timeline.none", { date: shortDay(since * 1000, zone(), l) })}`),
      !isClean && el("ul", { class: "plain stretches" },
        [...losses.unwatched].reverse().slice(0, 8).map((stretch) => el("li", null, stretchText(stretch, nowS))),
        told.map((loss) => el("li", null, `${loss.meter}: ${t("health.loss.at", {
          what: t(`cause.${loss.cause}`), n: count(loss.pulses, l), from: dateTime(loss.first_ns / 1e6, zone(), l), to: dateTime(loss.last_ns / 1e6, zone(), l),
        })}`))),
      el("p", null, el("a", { class: "button", download: "", href: url("losses.csv", {}) }, t("csv"), " ⇩")));
    fill(numbers, deliveryCard(status), journalCard(status), daemonCard(status), numbersCard(losses));
  };

  /** @param {Losses} losses */
  const numbersCard = (losses) => {
    const l = locale();
    const health = state.health;
    return card(t("health.numbers"), [
      [t("health.since"), losses.since_s === null ? "–" : shortDay(losses.since_s * 1000, zone(), l)],
      [t("health.lost"), count(losses.lost, l)],
      [t("health.restored"), count(health?.restored ?? 0, l)],
      [t("health.unwatched"), span(health?.unwatched_s ?? 0, words())],
      ...byCause(losses),
    ]);
  };

  on("health", () => {
    if (!isSeen) return;
    drawSentence();
    load();
  });
  on("minutes", () => isSeen && load());
  on("resumed", () => isSeen && load());

  return {
    show() {
      isSeen = true;
      drawSentence();
      load();
    },
    hide() {
      isSeen = false;
      asking?.abort();
    },
    csv: () => url("losses.csv", {}),
  };
}

/** @param {Condition} of */
function conditionItem(of) {
  const { sentence, remedy, why } = condition(of);
  const mark = of.severity === "info" ? "•" : MARKS[of.severity] ?? MARKS.warning;
  return el("li", { class: `condition ${of.severity}` },
    el("span", { class: "condition-mark", "aria-hidden": "true" }, mark),
    el("div", null,
      el("p", { class: "condition-text" }, el("span", { class: "hidden" }, `${t(of.severity)}: `), of.meter && !sentence.startsWith(of.meter) ? `${of.meter}: ${sentence}` : sentence),
      why && el("p", { class: "muted" }, why),
      remedy && el("p", null, el("span", { class: "label" }, t("health.remedy")), " ", remedy),
      of.since && el("p", { class: "muted small" }, t("since", { date: dateTime(Date.parse(of.since), zone(), locale()) }))));
}

/** @param {Losses["unwatched"][number]} stretch @param {number} nowS */
function stretchText(stretch, nowS) {
  const l = locale();
  const from = stretch.from_s === null ? "–" : dateTime(stretch.from_s * 1000, zone(), l);
  const to = stretch.until_s === null ? t("health.now") : dateTime(stretch.until_s * 1000, zone(), l);
  const length = stretch.from_s === null ? "" : ` (${span((stretch.until_s ?? nowS) - stretch.from_s, words())})`;
  return `${stretch.meter}: ${t("health.unwatched")}, ${t("health.until", { from, to })}${length}${stretch.why ? `: ${stretch.why}` : ""}`;
}

/** What the filters rejected, over all meters. @param {Losses} losses @returns {[string, string][]} */
function byCause(losses) {
  /** @type {Map<string, number>} */
  const sums = new Map();
  for (const loss of losses.entries.filter((one) => one.filter)) sums.set(loss.cause, (sums.get(loss.cause) ?? 0) + loss.pulses);
  return [...sums].map(([cause, pulses]) => [t(`cause.${cause}`), count(pulses, locale())]);
}

/** @param {string} title @param {[string, string | null | undefined][]} rows */
function card(title, rows) {
  return el("section", { class: "card" }, el("h2", null, title),
    el("dl", { class: "sums" }, rows.filter(([, value]) => value).map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, value)))));
}

/** @param {string} state */
function stateWord(state) {
  return has(`state.${state}`) ? t(`state.${state}`) : state;
}

/** @param {Status} status */
function deliveryCard(status) {
  const l = locale();
  const delivery = status.delivery;
  if (!delivery) return card(t("health.delivery"), [[t("health.state"), t("trust.local")]]);
  const since = dateTime(delivery.since_ns / 1e6, zone(), l);
  const levels = Object.entries(delivery.views.until_s);
  const unequal = Object.values(delivery.views.levels).reduce((sum, level) => sum + level.unequal, 0);
  return card(t("health.delivery"), [
    [t("health.server"), delivery.destination],
    [t("health.state"), delivery.state === "ok" ? t("health.works", { date: since }) : `▲ ${stateWord(delivery.state)}: ${delivery.message}`],
    [t("health.backlog"), delivery.raw ? count(delivery.backlog, l) : t("trust.windows")],
    [t("health.lag"), delivery.lag_ns === null ? null : span(delivery.lag_ns / 1e9, words())],
    ...levels.map(([level, s]) => /** @type {[string, string]} */ ([`${t("health.views")} (${level})`, dateTime(s * 1000, zone(), l)])),
    ["", unequal > 0 ? t("health.unequal", { n: count(unequal, l) }) : null],
    ["", delivery.views.state === "ok" || delivery.views.state === "" ? null : `▲ ${delivery.views.message}`],
  ]);
}

/** @param {Status} status */
function journalCard(status) {
  const l = locale();
  return card(t("health.journal"), [
    [t("health.place"), status.journal_dir],
    [t("health.size"), bytes(status.journal_bytes, l)],
    [t("health.pulses"), count(status.journal_pulses, l)],
    [t("health.starts"), count(status.journal_opened, l)],
    [t("health.written"), status.written_bytes == null ? null : bytes(status.written_bytes, l)],
    [t("health.import"), status.to_import.join(", ")],
  ]);
}

/** @param {Status} status */
function daemonCard(status) {
  const l = locale();
  const trustWord = status.clock ? (status.clock.holding ? "provisional" : status.clock.trust) : null;
  return card(t("health.daemon"), [
    [t("health.state"), status.running === null ? "–" : t(status.running ? "health.runs" : "health.stopped")],
    [t("health.version"), status.version ? [status.version, status.commit].filter(Boolean).join(" · ") : null],
    [t("health.started"), status.started_ns == null ? null : dateTime(status.started_ns / 1e6, zone(), l)],
    [t("health.clock"), trustWord ? t(`clock.${trustWord}`) : null],
    [t("health.lines"), status.meters.filter((meter) => meter.line).map((meter) => `${meter.name}: ${t(meter.line?.is_read ? "health.read" : "not.read")}`).join(", ")],
  ]);
}

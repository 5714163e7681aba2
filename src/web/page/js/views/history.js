// History: what happened at that moment?

import { announce } from "../announce.js";
import { get, isAborted, url } from "../api.js";
import { columns, indexAt, starts } from "../columns.js";
import { el, fill, say } from "../dom.js";
import { clockSeconds, dateTime, fromInput, span as spanText, toInput, dayOf } from "../moment.js";
import { amount, isElectric, plain, power, rate, symbol } from "../number.js";
import { overview } from "../overview.js";
import { plot } from "../plot.js";
import { problemCard } from "../problem.js";
import { stamp } from "../route.js";
import { nowMs, on, zone } from "../store.js";
import { locale, t, words } from "../text.js";
import { clamp, follow, pan, whole, zoom } from "../zoom.js";

/** @typedef {import("../route.js").Route} Route */
/** @typedef {import("../types").History} History */
/** @typedef {import("../zoom.js").Span} Span */

const DAY = 86_400;
/** @type {[string, number][]} */
const SPANS = [["1h", 3600], ["6h", 6 * 3600], ["day", DAY], ["week", 7 * DAY], ["month", 30 * DAY], ["year", 365 * DAY], ["10y", 3652 * DAY]];
/** So long is waited for another move before finer data are asked for. */
const SETTLE_MS = 120;
const TYPED_MS = 800;
const TABLE_ROWS = 48;

/** @param {HTMLElement} place @param {(route: Route, replace?: boolean) => void} go */
export function historyView(place, go) {
  const spans = el("div", { class: "segments", role: "group", "aria-label": t("span") });
  const from = el("input", { type: "datetime-local", "aria-label": t("from") });
  const to = el("input", { type: "datetime-local", "aria-label": t("to") });
  const form = el("div", { class: "from-to" }, from, el("span", { "aria-hidden": "true" }, "–"), to);
  const level = el("p", { class: "muted level" });
  const unit = el("p", { class: "plot-unit", "aria-hidden": "true" });
  const box = el("div", { class: "history-plot" }, unit);
  const reading = el("p", { class: "reading strong" }, t("reading.none"));
  const name = el("span", { class: "hidden", id: "history-name" }, t("view.history"));
  const summary = el("p", { class: "hidden", id: "history-summary" });
  const figure = el("figure", { role: "group", class: "chart", tabindex: 0, "aria-labelledby": "history-name", "aria-describedby": "history-summary" }, name, box, reading, summary);
  const failure = el("div");
  const legend = el("div", { class: "legend", role: "group", "aria-label": t("series") });
  const strip = overview({ zone, bounds: () => bounds(), moved: (span) => moved(span) });
  const asTable = el("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => toggleTable() }, t("as.table"));
  const asEnergy = el("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => toggleEnergy() }, t("energy"));
  const csv = el("a", { class: "button", download: "" }, t("csv"), " ⇩");
  const tablePlace = el("div", { class: "table-place", role: "region", tabindex: 0, "aria-label": t("as.table"), hidden: true });
  // It is laid out at once, so that the chart knows its size, and seen when it is filled: nothing seen is moved.
  const card = el("section", { class: "card history-card" },
    el("div", { class: "history-head" }, level, el("div", { class: "spread" }), asEnergy, asTable, csv),
    failure, figure, legend, strip.element, tablePlace);
  fill(place, el("h1", null, t("view.history")), el("div", { class: "history-bar" }, spans, form), card);

  /** @type {Route | null} */
  let route = null;
  /** @type {Span} */
  let span = { from: 0, to: 1 };
  /** @type {History | null} */
  let shown = null;
  /** @type {import("../columns.js").Columns | null} */
  let drawn = null;
  /** @type {AbortController | null} */
  let asking = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let settle;
  let first = 0;
  let isFollowing = false;
  let lastNowS = 0;
  let at = -1;
  let line = 0;
  let isTable = false;
  /** @type {Set<string>} */
  const hidden = new Set();
  /** @type {Promise<Awaited<ReturnType<typeof plot>>> | null} */
  let chart = null;

  const bounds = () => {
    const now = nowMs() / 1000;
    const begin = first > 0 ? first : now - DAY;
    return { from: Math.min(begin, span.from, now - 3600), to: Math.max(now, 1) };
  };

  const started = () => {
    chart ??= plot(box, { zone, bounds, moved: (span) => moved(span), cursor: (s) => cursor(s) });
    // What did not come is asked for again.
    chart.catch(() => (chart = null));
    return chart;
  };

  /** Shows another span: at once with what is there, then with finer data. @param {Span} wanted */
  const moved = (wanted) => {
    span = clamp(wanted, bounds());
    isFollowing = Math.abs(span.to - nowMs() / 1000) < Math.max(5, (span.to - span.from) * 0.01);
    strip.move(span);
    drawControls();
    chart?.then((made) => made.move(span));
    clearTimeout(settle);
    settle = setTimeout(() => {
      if (!route) return;
      const { from, to } = whole(span);
      route = { ...route, from, to };
      history.replaceState(null, "", `/history?from=${stamp(from)}&to=${stamp(to)}${route.as === "energy" ? "&as=energy" : ""}`);
      load();
    }, SETTLE_MS);
  };

  const points = () => Math.min(2000, Math.max(100, Math.round((box.clientWidth || 800) / (asBars() ? 8 : 1.5))));
  const asBars = () => route?.as === "energy";
  /** What the axis of a meter shows. @param {import("../types").Unit | undefined} of */
  const unitOf = (of) => (isElectric(of) ? (asBars() ? "kWh" : "kW") : asBars() ? symbol(of) : `${symbol(of)}/h`);
  /** A value of the chart in words. @param {number | null | undefined} value @param {import("../types").Unit | undefined} of */
  const valueText = (value, of) => {
    const known = value === null || value === undefined ? null : value;
    if (asBars()) return amount(known === null ? null : known * 1000, of, locale());
    return isElectric(of) ? power(known === null ? null : known * 1000, locale()) : rate(known, of, locale());
  };
  const query = () => ({ from: stamp(whole(span).from), to: stamp(whole(span).to), points: points() });

  const load = async () => {
    if (!route) return;
    asking?.abort();
    const control = new AbortController();
    asking = control;
    try {
      /** @type {History} */
      const answer = await get("history", query(), control.signal);
      const made = await started();
      if (asking !== control || !route) return;
      shown = answer;
      if (answer.first) first = Date.parse(answer.first) / 1000;
      drawn = columns(answer, asBars() ? "energy" : "power");
      failure.replaceChildren();
      say(unit, `${[...new Set(drawn.meters.map((meter) => unitOf(meter.unit)))].join(" · ") || unitOf(undefined)}, ${answer.zone}`);
      made.show(drawn, asBars() ? "kWh" : "kW", span);
      drawn.meters.forEach((meter, n) => made.toggle(n, !hidden.has(meter.meter)));
      drawWords(answer);
      if (isTable) loadTable();
    } catch (failed) {
      if (!isAborted(failed)) fill(failure, problemCard(failed, load));
    }
    if (asking === control) card.classList.add("ready");
  };

  const loadStrip = async () => {
    try {
      const now = Math.ceil(nowMs() / 1000);
      /** @type {History} */
      let answer = await get("history", { from: stamp(now - 3600), to: stamp(now), points: 10 });
      first = answer.first ? Date.parse(answer.first) / 1000 : now - DAY;
      answer = await get("history", { from: stamp(Math.floor(Math.min(first, now - 3600))), to: stamp(now), points: 400 });
      // The strip is of power; of flow where nothing else is counted.
      const electric = answer.meters.flatMap((meter) => ("max_w" in meter ? [meter.max_w] : []));
      const most = electric.length > 0 ? electric : answer.meters.flatMap((meter) => ("max_rate" in meter ? [meter.max_rate] : []));
      const n = starts(answer).length;
      strip.show(Array.from({ length: n }, (_, i) => most.reduce(
        (/** @type {number | null} */ top, column) => (column[i] === null ? top : Math.max(top ?? 0, column[i] ?? 0)), null)));
      strip.move(span);
    } catch {
      // Without it the rest is of use all the same.
    }
    strip.element.classList.add("ready");
  };

  const width = () => (shown?.width_s ? spanText(shown.width_s, words()) : "");

  /** @param {History} answer */
  const drawWords = (answer) => {
    const l = locale();
    const w = width();
    const said = answer.first === null ? t("no.data") : answer.level === "raw" ? t("level.raw")
      : answer.width_s === null ? t("level.days") : t(asBars() ? "level.energy" : "level.windows", { w });
    say(level, [said, isFollowing ? t("follow") : "", answer.complete ? "" : `▨ ${t("not.watched")}`].filter(Boolean).join(" · "));
    csv.setAttribute("href", url("history.csv", query()));
    const sums = (drawn?.meters ?? []).map((meter) => {
      const known = meter.value.filter((value) => value !== null);
      const peak = Math.max(0, ...meter.high.map((value) => value ?? 0));
      return known.length > 0 && !asBars() ? `${label(meter)} ${valueText(peak, meter.unit)}` : "";
    }).filter(Boolean);
    say(summary, `${dateTime(span.from * 1000, answer.zone, l)} – ${dateTime(span.to * 1000, answer.zone, l)}. ${said}. ${sums.join(", ")}. ${t("history.hint")}`);
    fill(legend, (drawn?.meters ?? []).map((meter, n) => el("button", {
      type: "button", class: "series", "aria-pressed": String(!hidden.has(meter.meter)), onclick: () => toggle(n, meter.meter),
    }, el("i", { class: `dot line ${meter.role}`, "aria-hidden": "true" }), label(meter))));
    read();
  };

  /** @param {{meter: string, role: string}} meter */
  const label = (meter) => {
    const isAlone = (drawn?.meters ?? []).filter((other) => other.role === meter.role).length === 1;
    return isAlone && meter.role !== "other" ? t(meter.role) : meter.meter;
  };

  /** @param {number} n @param {string} meter */
  const toggle = (n, meter) => {
    if (hidden.has(meter)) hidden.delete(meter);
    else hidden.add(meter);
    legend.children[n]?.setAttribute("aria-pressed", String(!hidden.has(meter)));
    chart?.then((made) => made.toggle(n, !hidden.has(meter)));
  };

  /** @param {number | null} s */
  const cursor = (s) => {
    at = s === null || !drawn ? -1 : indexAt(drawn.x, s);
    read();
  };

  const sentence = (/** @type {number} */ n, /** @type {number | null} */ only) => {
    if (!drawn || n < 0 || n >= drawn.x.length) return "";
    const l = locale();
    const ms = drawn.x[n] * 1000;
    const wide = span.to - span.from > 3 * DAY;
    const when = wide && (drawn.widthS ?? DAY) >= DAY ? dayOf(ms, zone(), l) : wide ? dateTime(ms, zone(), l) : `${dayOf(ms, zone(), l)}, ${clockSeconds(ms, zone(), l)}`;
    const said = drawn.meters.filter((meter, k) => !hidden.has(meter.meter) && (only === null || only === k)).map((meter) => {
      const value = meter.value[n];
      if (asBars()) return `${label(meter)} ${valueText(value, meter.unit)}`;
      const [low, high] = [meter.low[n], meter.high[n]];
      const range = value !== null && low !== null && high !== null && low !== undefined && high !== undefined && high - low > 0.001
        ? ` (${plain(low, 2, l)}–${plain(high, 2, l)})` : "";
      return `${label(meter)} ${valueText(value, meter.unit)}${range}`;
    });
    return `${when}: ${said.join(", ")}`;
  };
  const read = () => say(reading, at >= 0 ? sentence(at, null) : t("reading.none"));

  const drawControls = () => {
    const length = span.to - span.from;
    fill(spans, SPANS.map(([key, seconds]) => el("button", {
      type: "button", "aria-pressed": String(Math.abs(length - seconds) < seconds * 0.02), onclick: () => last(seconds),
    }, t(`span.${key}`))));
    if (document.activeElement !== from) from.value = toInput(span.from * 1000, zone());
    if (document.activeElement !== to) to.value = toInput(span.to * 1000, zone());
    asEnergy.setAttribute("aria-pressed", String(asBars()));
  };

  /** The last so many seconds; where the span was panned away, around its middle. @param {number} seconds */
  const last = (seconds) => {
    const now = nowMs() / 1000;
    const middle = (span.from + span.to) / 2;
    const isNow = isFollowing || now - span.to < span.to - span.from;
    moved(isNow ? { from: Math.max(now - seconds, first > 0 ? first - 60 : now - seconds), to: now } : { from: middle - seconds / 2, to: middle + seconds / 2 });
  };

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let typed;
  form.addEventListener("change", () => {
    // A date is typed in parts, each of which makes a date.
    clearTimeout(typed);
    typed = setTimeout(enter, TYPED_MS);
  });
  form.addEventListener("keydown", (event) => event.key === "Enter" && enter());
  const enter = () => {
    clearTimeout(typed);
    const [a, b] = [fromInput(from.value, zone()), fromInput(to.value, zone())];
    if (a !== null && b !== null && b > a) moved({ from: a / 1000, to: b / 1000 });
  };

  const toggleEnergy = () => {
    if (route) go({ ...route, ...whole(span), as: asBars() ? "power" : "energy" }, true);
  };

  const toggleTable = () => {
    isTable = !isTable;
    asTable.setAttribute("aria-pressed", String(isTable));
    tablePlace.hidden = !isTable;
    if (isTable) loadTable();
  };

  const loadTable = async () => {
    try {
      /** @type {History} */
      const answer = await get("history", { ...query(), points: TABLE_ROWS, window: null });
      const all = columns(answer, asBars() ? "energy" : "power");
      const l = locale();
      const rows = all.x.slice(0, all.isRaw ? TABLE_ROWS * 3 : -1);
      const cell = (/** @type {number | null} */ value) => el("td", null, value === null || value === undefined ? "–" : plain(value, asBars() ? 3 : 2, l));
      fill(tablePlace, el("table", null,
        el("caption", null, answer.width_s ? t("history.table", { n: rows.length, w: spanText(answer.width_s, words()) }) : t("view.history")),
        el("thead", null, el("tr", null, el("th", { scope: "col" }, t("from")), all.meters.map((meter) => el("th", { scope: "col" }, `${meter.meter}, ${unitOf(meter.unit)}`)))),
        el("tbody", null, rows.map((s, n) => el("tr", null, el("th", { scope: "row" }, dateTime(s * 1000, answer.zone, l)), all.meters.map((meter) => cell(meter.value[n])))))));
    } catch (failed) {
      if (!isAborted(failed)) fill(tablePlace, problemCard(failed, loadTable));
    }
  };

  figure.addEventListener("keydown", (event) => {
    if (!drawn || event.ctrlKey || event.metaKey || event.altKey) return;
    const end = drawn.x.length - 1;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: end, PageUp: at - 10, PageDown: at + 10 }[event.key];
    if (to !== undefined) at = Math.max(0, Math.min(end, to));
    else if (event.key === "ArrowUp" || event.key === "ArrowDown") line = (line + (event.key === "ArrowUp" ? -1 : 1) + drawn.meters.length) % drawn.meters.length;
    else if (event.key === "Escape") at = -1;
    else return;
    event.preventDefault();
    event.stopPropagation();
    read();
    chart?.then((made) => made.point(at >= 0 && drawn ? drawn.x[at] : null));
    if (at >= 0) announce(sentence(at, line));
  });

  const goOn = () => {
    const now = nowMs() / 1000;
    const next = isFollowing ? follow(span, lastNowS, now) : span;
    lastNowS = now;
    if (next !== span) moved(next);
    return next !== span;
  };
  on("minutes", () => route && goOn());
  on("resumed", () => route && !goOn() && load());

  return {
    /** @param {Route} wanted */
    async show(wanted) {
      route = wanted;
      const now = nowMs() / 1000;
      span = wanted.from !== null && wanted.to !== null ? { from: wanted.from, to: wanted.to } : { from: now - DAY, to: now };
      lastNowS = now;
      isFollowing = Math.abs(span.to - now) < Math.max(120, (span.to - span.from) * 0.01);
      drawControls();
      await Promise.all([load(), first === 0 ? loadStrip() : null]);
      strip.move(span);
    },
    hide() {
      asking?.abort();
      clearTimeout(settle);
      chart?.then((made) => made.destroy());
      chart = null;
      route = null;
    },
    csv: () => url("history.csv", query()),
    /** @param {KeyboardEvent} event */
    key(event) {
      const seconds = { d: DAY, w: 7 * DAY, m: 30 * DAY, y: 365 * DAY }[event.key];
      if (seconds) last(seconds);
      else if (event.key === "+") moved(zoom(span, 0.5, isFollowing ? 1 : 0.5, bounds()));
      else if (event.key === "-") moved(zoom(span, 2, isFollowing ? 1 : 0.5, bounds()));
      else if (event.key === "0" || event.key === "a") moved(bounds());
      else if (event.key === "ArrowLeft") moved(pan(span, -0.5, bounds()));
      else if (event.key === "ArrowRight") moved(pan(span, 0.5, bounds()));
      else if (event.key === "t") moved({ from: nowMs() / 1000 - (span.to - span.from), to: nowMs() / 1000 });
      else if (event.key === "e") toggleEnergy();
      else return false;
      return true;
    },
  };
}

// Now: what does the house do?

import { get, url } from "../api.js";
import { areaChart } from "../area.js";
import { barChart } from "../bars.js";
import { dayPower } from "../day_power.js";
import { append, el, eachFrame, fill, say } from "../dom.js";
import { flowBar } from "../flowbar.js";
import { Hour } from "../hour.js";
import { periodName } from "../labels.js";
import { fields } from "../moment.js";
import { energy, money, percent, power } from "../number.js";
import { isAborted, problemCard } from "../problem.js";
import { address, START } from "../route.js";
import { isStale, nowMs, on, state, zone } from "../store.js";
import { main } from "../sums.js";
import { locale, t } from "../text.js";
import { meterName, shownPower, tiles } from "../tiles.js";

/** @typedef {import("../types").Now} Now */

/** @param {HTMLElement} place @param {(route: import("../route.js").Route) => void} go */
export function nowView(place, go) {
  const top = el("div", { class: "now-top" });
  const tilesPlace = el("div", { class: "tiles-place" });
  const todayList = el("dl", { class: "facts today" });
  const chartPlace = el("div", { class: "chart-place day" });
  const weekPlace = el("div", { class: "chart-place small" });
  const yearPlace = el("div", { class: "chart-place small" });
  const week = el("section", { class: "card" }, el("h2", null, link("week", t("this.week"))), weekPlace);
  const year = el("section", { class: "card" }, el("h2", null, link("year", t("this.year"))), yearPlace);
  const charts = el("div", { class: "pair" }, week, year);
  const today = el("section", { class: "card today-card" }, el("h2", null, link("day", t("today"))), todayList, chartPlace);
  for (const part of [tilesPlace, today, charts]) part.hidden = true;
  fill(place, el("h1", { class: "hidden" }, t("view.now")), top, tilesPlace, today, charts);

  const flow = flowBar();
  const flowCard = el("section", { class: "card flow-card" }, flow.element);
  const reason = el("p", { class: "note" });
  const hour = new Hour();
  const area = areaChart(220);
  /** @type {ReturnType<typeof tiles> | null} */
  let made = null;
  let madeFor = "";
  let isSeen = false;
  /** @type {AbortController | null} */
  let asking = null;

  const draw = eachFrame(() => {
    const now = state.now;
    if (!now || !isSeen) return;
    const key = JSON.stringify([now.meters.map((meter) => [meter.meter, meter.role]), now.flow.why === null, locale(), isEmpty(now)]);
    if (key !== madeFor) {
      madeFor = key;
      build(now);
      load();
    }
    if (isEmpty(now)) return;
    flow.draw(isStale() ? null : now.flow);
    made?.draw();
    say(reason, now.flow.why && now.meters.length > 1 ? t(`why.${now.flow.why}`) : "");
    drawToday(now);
  });

  /** @param {Now} now */
  const build = (now) => {
    const nothing = isEmpty(now);
    for (const part of [tilesPlace, today, charts]) part.hidden = nothing;
    if (nothing) {
      fill(top, emptyCard(now));
      return;
    }
    made = tiles(now);
    fill(top, now.flow.why === null && now.meters.length > 1 && hasSun(now) ? flowCard : now.meters.length > 1 && now.flow.why ? el("section", { class: "card" }, reason) : null);
    fill(tilesPlace, made.element);
    drawHour();
  };

  const drawHour = () => {
    if (!made || !state.now) return;
    for (const { meter, made: one } of made.each) {
      const watts = hour.watts.get(meter);
      if (watts) one.hour.draw(watts);
    }
    if (hour.watts.size > 0) made.house?.hour.draw(hour.house(state.now.meters));
  };

  /** @param {Now} now */
  const drawToday = (now) => {
    const l = locale();
    const { derived, money: costs, complete } = now.today;
    const least = (/** @type {number | null} */ wh) => (complete ? energy(wh, l) : `≥\u202f${energy(wh, l)}`);
    /** @type {[string, string, string][]} */
    const facts = [];
    if (derived.why === null) facts.push([t("house"), least(derived.house_wh === null ? null : Math.max(0, derived.house_wh)), "house"]);
    if (derived.autarky !== null && hasSun(now)) facts.push([t("autarky"), percent(derived.autarky, l), "self"]);
    if (derived.self_wh !== null && hasSun(now)) facts.push([t("self"), least(Math.max(0, derived.self_wh)), "self"]);
    if (facts.length === 0 && now.meters.length > 1) for (const meter of now.meters) facts.push([meterName(meter, now.meters), least(meter.today.energy_wh), meter.role]);
    if (costs?.total) facts.push([t("cost"), money(costs.total, costs.currency, l), "house"]);
    const key = facts.map((fact) => fact[0]).join();
    if (todayList.dataset.key !== key) {
      todayList.dataset.key = key;
      fill(todayList, facts.map(([name, , role]) => el("div", null, el("dt", null, el("i", { class: `dot ${role}`, "aria-hidden": "true" }), name), el("dd"))));
    }
    todayList.querySelectorAll("dd").forEach((element, n) => say(element, facts[n][1]));
  };

  const load = async () => {
    asking?.abort();
    const control = new AbortController();
    asking = control;
    const now = state.now;
    if (!now || isEmpty(now)) return;
    await Promise.all([loadHour(), loadDay(now, control.signal), loadBars("week", weekPlace, control.signal), loadBars("year", yearPlace, control.signal)]);
  };

  const loadHour = async () => {
    try {
      await hour.load();
      drawHour();
    } catch {
      // The tiles say what counts; the next minute brings the line.
    }
  };

  /** @param {Now} now @param {AbortSignal} signal */
  const loadDay = async (now, signal) => {
    try {
      const [from, to] = [Date.parse(now.today.from) / 1000, Date.parse(now.today.to) / 1000];
      const history = await get("history", { from, to, window: "15m" }, signal);
      const shown = dayPower(history, now.flow.why === null && now.meters.length > 1, t, (s) => fields(s * 1000, zone()).hour);
      if (!chartPlace.contains(area.element)) fill(chartPlace, area.element);
      area.show({ ...shown, from, to, zone: zone(), title: t("today.power") });
    } catch (failed) {
      if (!isAborted(failed)) fill(chartPlace, problemCard(failed, load));
    }
  };

  const bars = { week: small("week"), year: small("year") };

  /** @param {"week" | "year"} period */
  function small(period) {
    return barChart({
      height: 170, isSmall: true,
      open: (n) => {
        const span = shownSpans[period];
        if (span) go({ ...START, view: "energy", period: period === "week" ? "day" : "month", date: span.dates[n] });
      },
    });
  }
  /** @type {Record<string, import("../types").EnergySpan | undefined>} */
  const shownSpans = {};

  /** @param {"week" | "year"} period @param {HTMLElement} where @param {AbortSignal} signal */
  const loadBars = async (period, where, signal) => {
    try {
      /** @type {import("../types").Energy} */
      const answer = await get("energy", { period, compare: "previous" }, signal);
      shownSpans[period] = answer;
      if (!where.contains(bars[period].element)) fill(where, bars[period].element);
      const of = main(answer);
      const title = t(period === "week" ? "this.week" : "this.year");
      bars[period].show({
        span: answer, compared: answer.compared, zone: answer.zone, nowS: nowMs() / 1000, first: answer.first_date, title,
        summary: of ? `${periodName(answer, answer.zone)}: ${t(of.role)} ${energy(of.total, locale())}` : "",
      });
    } catch (failed) {
      if (!isAborted(failed)) fill(where, problemCard(failed, load));
    }
  };

  on("now", draw);
  on("tick", draw);
  on("connection", draw);
  on("minute", (minute) => {
    hour.append(minute);
    if (!isSeen) return;
    drawHour();
    if (minute.start_s % 900 === 840) load();
  });
  on("day", () => isSeen && load());
  on("resumed", () => isSeen && load());

  return {
    show() {
      isSeen = true;
      draw();
      if (madeFor !== "") load();
    },
    hide() {
      isSeen = false;
      asking?.abort();
    },
    csv: () => url("energy.csv", { period: "day" }),
    say: () => spoken(),
  };
}

/** @param {"day" | "week" | "year"} period @param {string} text */
function link(period, text) {
  return el("a", { href: address({ ...START, view: "energy", period }), class: "quiet" }, text);
}

/** No pulse of any meter, ever. @param {Now} now */
function isEmpty(now) {
  return now.meters.every((meter) => meter.pulses === 0);
}

/** @param {Now} now */
function hasSun(now) {
  return now.meters.some((meter) => meter.role === "generation" || meter.role === "export");
}

/** What to do where nothing has come yet. @param {Now} now */
function emptyCard(now) {
  const card = el("section", { class: "card empty" }, el("h2", null, t("none.title")));
  if (now.meters.length === 0) {
    card.append(el("p", null, t("none.meter")), el("pre", null, '[[meter]]\nname = "Import"\nline = 20\nimp_per_kwh = 1000\n'));
    return card;
  }
  get("meters").then(
    (/** @type {import("../types").Meters} */ answer) => append(card, [
      el("ul", { class: "plain" }, answer.meters.filter((meter) => meter.is_configured).map((meter) => el("li", null,
        t("none.text", { meter: meter.meter, line: t("line.of", { line: meter.line ?? "?" }) }), el("pre", null, `powerlogger watch ${meter.meter}`)))),
      el("p", { class: "muted" }, t("none.after")),
    ]),
    () => {},
  );
  return card;
}

/** What the house does now, in words. */
export function spoken() {
  const now = state.now;
  if (!now) return "";
  const l = locale();
  const parts = now.meters.map((meter) => `${meterName(meter, now.meters)} ${power(shownPower(meter), l)}`);
  if (now.flow.house_w !== null && now.meters.length > 1) parts.unshift(`${t("house")} ${power(isStale() ? null : Math.max(0, now.flow.house_w), l)}`);
  return parts.join(", ");
}

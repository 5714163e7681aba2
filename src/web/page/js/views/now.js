// Now: what does the house do?

import { get, isAborted, url } from "../api.js";
import { areaChart } from "../area.js";
import { barChart } from "../bars.js";
import { dayPower, putQuarter } from "../day_power.js";
import { append, el, eachFrame, fill, say } from "../dom.js";
import { isHouse } from "../flow.js";
import { flowBar } from "../flowbar.js";
import { Hour } from "../hour.js";
import { periodName } from "../labels.js";
import { fields } from "../moment.js";
import { amount, atLeast, isElectric, milliOf, money, percent, power, rate } from "../number.js";
import { problemCard } from "../problem.js";
import { address, START } from "../route.js";
import { isStale, nowMs, on, state, zone } from "../store.js";
import { grow, main, parted, todayOf } from "../sums.js";
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
  const asTable = el("button", { type: "button", class: "button", "aria-pressed": "false", hidden: true }, t("as.table"));
  const tablePlace = el("div", { class: "table-place", hidden: true });
  const today = el("section", { class: "card today-card" }, el("h2", null, link("day", t("today"))), todayList, chartPlace, el("div", { class: "chart-tools" }, asTable), tablePlace);
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
  /** All that the charts show was asked for, and nothing is missing since. */
  let isLoaded = false;
  /** Today's columns. @type {{history: import("../types").History, from: number, to: number} | null} */
  let day = null;
  /** @type {AbortController | null} */
  let asking = null;

  const draw = eachFrame(() => {
    const now = state.now;
    if (!now || !isSeen) return;
    const key = JSON.stringify([now.meters.map((meter) => [meter.meter, meter.role]), isHouse(now.flow), locale(), isEmpty(now)]);
    if (key !== madeFor) {
      madeFor = key;
      build(now);
      load();
    }
    if (isEmpty(now)) return;
    flow.draw(isStale() ? null : now.flow);
    made?.draw();
    say(reason, wantsHouse(now) ? t(`why.${now.flow.why}`) : "");
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
    const isFlow = isHouse(now.flow) && now.meters.length > 1 && hasSun(now);
    fill(top, isFlow ? flowCard : wantsHouse(now) ? el("section", { class: "card" }, reason) : null);
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
    const least = (/** @type {number | null} */ wh) => atLeast(wh, "kWh", complete, l);
    /** @type {[string, string, string][]} */
    const facts = [];
    if (derived.why === null) facts.push([t("house"), least(derived.house_wh === null ? null : Math.max(0, derived.house_wh)), "house"]);
    if (derived.autarky !== null && hasSun(now)) facts.push([t("autarky"), percent(derived.autarky, l), "self"]);
    if (derived.self_wh !== null && hasSun(now)) facts.push([t("self"), least(Math.max(0, derived.self_wh)), "self"]);
    const isAlone = facts.length === 0 && now.meters.length > 1;
    for (const meter of now.meters.filter((one) => isAlone || (now.meters.length > 1 && !isElectric(one.unit)))) {
      facts.push([meterName(meter, now.meters), atLeast(milliOf(meter.today, meter.unit), meter.unit, complete, l), meter.role]);
    }
    if (costs?.total) facts.push([costs.complete ? t("cost") : `${t("cost")} (${t("in.part")})`, money(costs.total, costs.currency, l), "house"]);
    const key = facts.map((fact) => fact[0]).join();
    if (todayList.dataset.key !== key) {
      todayList.dataset.key = key;
      fill(todayList, facts.map(([name, , role]) => el("div", null, el("dt", null, el("i", { class: `dot ${role}`, "aria-hidden": "true" }), name), el("dd"))));
    }
    todayList.querySelectorAll("dd").forEach((element, n) => say(element, facts[n][1]));
  };

  /** Asks for all that the charts show. From then on what the stream tells is added to it. */
  const load = async () => {
    asking?.abort();
    const control = new AbortController();
    asking = control;
    const now = state.now;
    if (!now || isEmpty(now)) return;
    const all = await Promise.all([loadHour(), loadDay(now, control.signal), loadBars("week", weekPlace, control.signal), loadBars("year", yearPlace, control.signal)]);
    if (asking === control) isLoaded = all.every((is) => is);
  };

  const loadHour = async () => {
    try {
      await hour.load();
      drawHour();
      return true;
    } catch {
      // The tiles say what counts; the next minute brings the line.
      return false;
    }
  };

  /** @param {Now} now @param {AbortSignal} signal */
  const loadDay = async (now, signal) => {
    try {
      const [from, to] = [Date.parse(now.today.from) / 1000, Date.parse(now.today.to) / 1000];
      day = { history: await get("history", { from, to, window: "15m" }, signal), from, to };
      drawDay();
      return true;
    } catch (failed) {
      if (!isAborted(failed)) {
        day = null;
        asTable.hidden = true;
        fill(chartPlace, problemCard(failed, load));
      }
      return false;
    }
  };

  const drawDay = () => {
    const now = state.now;
    if (!now || !day) return;
    const { history, from, to } = day;
    const shown = dayPower(history, isHouse(now.flow) && now.meters.length > 1, t, (s) => fields(s * 1000, zone()).hour);
    if (!chartPlace.contains(area.element)) fill(chartPlace, area.element);
    const facts = [...todayList.querySelectorAll("div")].map((fact) => `${fact.querySelector("dt")?.textContent} ${fact.querySelector("dd")?.textContent}`);
    area.show({ ...shown, from, to, zone: zone(), title: t("today.power"), summary: `${[...facts, shown.base === null ? "" : t("base.load", { p: power(shown.base, locale()) })].filter(Boolean).join(", ")}.` });
    asTable.hidden = false;
    if (!tablePlace.hidden) fill(tablePlace, area.table(nowMs() / 1000));
  };

  const toggleTable = () => {
    tablePlace.hidden = !tablePlace.hidden;
    asTable.setAttribute("aria-pressed", String(!tablePlace.hidden));
    if (!tablePlace.hidden) fill(tablePlace, area.table(nowMs() / 1000));
  };
  asTable.addEventListener("click", toggleTable);

  /** @param {"week" | "year"} period */
  function small(period) {
    return barChart({
      height: 170, isSmall: true,
      open: (n) => {
        const dates = spans[period]?.answer.dates;
        if (dates) go({ ...START, view: "energy", period: period === "week" ? "day" : "month", date: dates[n] });
      },
    });
  }
  const bars = { week: small("week"), year: small("year") };
  /** What the bars show, and what today had come to when that was answered. @type {Record<string, {answer: import("../types").Energy, today: import("../sums.js").Today | null} | undefined>} */
  const spans = {};

  /** @param {"week" | "year"} period @param {HTMLElement} where @param {AbortSignal} signal */
  const loadBars = async (period, where, signal) => {
    try {
      /** @type {import("../types").Energy} */
      const answer = await get("energy", { period, compare: "previous" }, signal);
      if (state.now) spans[period] = { answer, today: todayOf(state.now) };
      drawBars(period, where);
      return true;
    } catch (failed) {
      if (!isAborted(failed)) {
        spans[period] = undefined;
        fill(where, problemCard(failed, load));
      }
      return false;
    }
  };

  /** @param {"week" | "year"} period @param {HTMLElement} where */
  const drawBars = (period, where) => {
    const answer = spans[period]?.answer;
    if (!answer) return;
    if (!where.contains(bars[period].element)) fill(where, bars[period].element);
    // What is not electric has a place of its own, in the energy view.
    const [span] = parted(answer);
    const compared = answer.compared ? parted(answer.compared)[0] : null;
    const of = main(span);
    const title = t(period === "week" ? "this.week" : "this.year");
    bars[period].show({
      span, compared, zone: answer.zone, nowS: nowMs() / 1000, first: answer.first_date, title,
      summary: of ? `${periodName(answer, answer.zone)}: ${t(of.role)} ${amount(of.total, span.unit, locale())}` : "",
    });
  };

  /** What has been counted since is added to what is shown: nothing is asked for. */
  const grown = () => {
    const now = state.now;
    if (!now) return;
    drawHour();
    drawDay();
    for (const [period, where] of /** @type {["week" | "year", HTMLElement][]} */ ([["week", weekPlace], ["year", yearPlace]])) {
      const span = spans[period];
      if (!span || now.today.date !== span.answer.today) continue;
      const today = todayOf(now);
      if (!today) continue;
      // What came between the answer and the first state that is known is in neither.
      if (span.today) grow(span.answer, span.today, today, nowMs() / 1000);
      span.today = today;
      drawBars(period, where);
    }
  };

  const again = () => {
    isLoaded = false;
    if (isSeen) load();
  };

  on("now", draw);
  on("tick", draw);
  on("connection", draw);
  on("minute", (/** @type {import("../types").Minute} */ minute) => {
    if (!hour.append(minute)) isLoaded = false;
    const quarter = minute.start_s - (minute.start_s % 900);
    if (day && minute.start_s >= day.from && minute.start_s < day.to) putQuarter(day.history, quarter, hour.quarter(quarter));
  });
  on("minutes", () => {
    if (isSeen && isLoaded) grown();
    else if (isSeen) load();
  });
  on("day", again);
  on("reload", again);

  return {
    show() {
      isSeen = true;
      draw();
      if (madeFor === "") return;
      if (isLoaded) grown();
      else load();
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

/** Whether it is to be said why there is no house: there are electric meters that do not make one. @param {Now} now */
function wantsHouse(now) {
  return now.flow.why !== null && now.meters.filter((meter) => isElectric(meter.unit)).length > 1;
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
  const parts = now.meters.map((meter) => `${meterName(meter, now.meters)} ${rate(shownPower(meter), meter.unit, l)}`);
  if (now.flow.house_w !== null && now.meters.length > 1) parts.unshift(`${t("house")} ${power(isStale() ? null : Math.max(0, now.flow.house_w), l)}`);
  return parts.join(", ");
}

// Energy: how much, compared with when?

import { get, isAborted, url } from "../api.js";
import { announce } from "../announce.js";
import { barChart } from "../bars.js";
import * as civil from "../civil.js";
import { priced } from "../costs.js";
import { el, fill, say } from "../dom.js";
import { dateName, periodName } from "../labels.js";
import { clock, ofDate } from "../moment.js";
import { amount, currencySign, energy, milliOf, money, percent, plain, symbol } from "../number.js";
import { problemCard } from "../problem.js";
import { address } from "../route.js";
import { nowMs, on, state } from "../store.js";
import { change, main, most, parted, said, series } from "../sums.js";
import { locale, t } from "../text.js";
import { partNames } from "../labels.js";

/** @typedef {import("../route.js").Route} Route */
/** @typedef {import("../types").Energy} Energy */

/** @type {("off" | "previous" | "year")[]} */
const COMPARES = ["previous", "year", "off"];

/** @param {HTMLElement} place @param {(route: Route, replace?: boolean) => void} go */
export function energyView(place, go) {
  const tabs = el("div", { class: "segments", role: "group", "aria-label": t("period.of") });
  const before = el("button", { type: "button", class: "step", "aria-label": t("before"), onclick: () => step(-1) }, "‹");
  const after = el("button", { type: "button", class: "step", "aria-label": t("after"), onclick: () => step(1) }, "›");
  const title = el("h2", { class: "period-name", tabindex: -1 });
  const pager = el("div", { class: "pager" }, before, title, after);
  const head = el("div", { class: "headline" });
  const note = el("div", { class: "notes" });
  const chart = barChart({ height: 300, open: (n) => into(n), out: () => out() });
  const chartPlace = el("div", { class: "chart-place energy" });
  /** What is not electric, a chart a unit. @type {Map<string, ReturnType<typeof barChart>>} */
  const others = new Map();
  const othersPlace = el("div");
  const legend = el("div", { class: "legend" });
  const compare = el("div", { class: "segments small", role: "group", "aria-label": t("compare") });
  const inEnergy = el("button", { type: "button", onclick: () => inUnit("power") }, "kWh");
  const inMoney = el("button", { type: "button", onclick: () => inUnit("cost") });
  const units = el("div", { class: "segments small units", role: "group", "aria-label": `${t("energy")}, ${t("cost")}` }, inEnergy, inMoney);
  const asTable = el("button", { type: "button", class: "button", "aria-pressed": "false", onclick: () => toggleTable() }, t("as.table"));
  const csv = el("a", { class: "button", download: "" }, t("csv"), " ⇩");
  const tools = el("div", { class: "chart-tools" }, compare, units, el("div", { class: "spread" }), asTable, csv);
  const tablePlace = el("div", { class: "table-place", role: "region", tabindex: 0, "aria-label": t("as.table"), hidden: true });
  const sums = el("dl", { class: "sums" });
  // Nothing that comes later may move what is seen already.
  const pair = el("div", { class: "energy-pair", hidden: true }, el("section", { class: "card energy-card" }, pager, head, note, chartPlace, legend, tools, tablePlace, othersPlace),
    el("section", { class: "card" }, sums));
  fill(place, el("h1", null, t("view.energy")), tabs, pair);

  /** @type {Route | null} */
  let route = null;
  /** @type {Energy | null} */
  let shown = null;
  /** @type {AbortController | null} */
  let asking = null;
  let isTable = false;

  const load = async () => {
    if (!route) return;
    asking?.abort();
    const control = new AbortController();
    asking = control;
    drawControls();
    chartPlace.setAttribute("aria-busy", "true");
    try {
      shown = await get("energy", query(route), control.signal);
      draw();
    } catch (failed) {
      if (isAborted(failed)) return;
      shown = null;
      fill(chartPlace, problemCard(failed, load));
    }
    if (asking !== control) return;
    asking = null;
    pair.hidden = false;
    chartPlace.removeAttribute("aria-busy");
  };

  /** @param {Route} of */
  const query = (of) => ({
    period: of.period, date: of.period === "total" ? null : of.date,
    compare: of.compare === "off" || of.period === "total" ? null : of.compare === "previous" && of.period === "day" ? "week" : of.compare,
  });

  const drawControls = () => {
    if (!route) return;
    const now = route;
    fill(tabs, civil.PERIODS.map((period) => el("a", {
      href: address({ ...now, period, date: kept(period) }), "aria-current": period === now.period ? "true" : null,
    }, t(`period.${period}`))));
    fill(compare, COMPARES.map((one) => el("button", {
      type: "button", "aria-pressed": String(one === now.compare), disabled: now.period === "total",
      onclick: () => go({ ...now, compare: one }, true),
    }, t(one === "previous" && now.period === "day" ? "compare.previous.day" : `compare.${one}`))));
    drawUnits();
    csv.setAttribute("href", url("energy.csv", query(now)));
    const date = now.date ?? state.now?.today.date ?? null;
    say(title, now.period === "total" || !date ? t("all.years") : dateName(now.period, civil.first(now.period, date)));
    drawSteps();
  };

  const drawUnits = () => {
    const currency = (shown?.money ?? state.now?.today.money)?.currency;
    units.hidden = !currency;
    say(inMoney, currencySign(currency ?? "", locale()));
    inEnergy.setAttribute("aria-pressed", String(route?.as !== "cost"));
    inMoney.setAttribute("aria-pressed", String(route?.as === "cost"));
  };

  /** The date that stays where the period is changed: none if it is today's. @param {civil.Period} period */
  const kept = (period) => {
    const date = route?.date ?? null;
    const today = shown?.today ?? state.now?.today.date ?? null;
    return date === null || !today || civil.first(period, today) === civil.first(period, date) ? null : civil.first(period, date);
  };

  const drawSteps = () => {
    if (!route) return;
    const today = shown?.today ?? state.now?.today.date ?? "9999-12-31";
    const date = civil.first(route.period, route.date ?? today);
    const isTotal = route.period === "total";
    after.disabled = isTotal || civil.step(route.period, date, 1) > today;
    before.disabled = isTotal || (shown?.first_date != null && date <= shown.first_date);
  };

  const draw = () => {
    if (!route || !shown) return;
    const answer = shown;
    const l = locale();
    const nowS = nowMs() / 1000;
    say(title, periodName(answer, answer.zone));
    drawSteps();
    drawUnits();
    const [counted, ...rest] = parted(answer);
    const comparedParts = answer.compared ? parted(answer.compared) : [];
    const costs = route.as === "cost" ? priced(counted) : null;
    const first = costs ?? counted;
    const compared = comparedParts[0] ? (costs ? priced(comparedParts[0]) : comparedParts[0]) : null;
    const of = main(first);
    const by = compared ? change(first, compared, nowS) : null;
    drawHead(first, by);
    drawNotes(answer);
    const peak = of ? most(of.wh) : null;
    const summary = [
      of ? `${t(of.role)} ${costs ? said(costs, of.total, l) : total(first, of.total)}${costs && Number(answer.money?.standing ?? 0) !== 0 ? ` ${t("standing.not")}` : ""}` : t("no.data"),
      of && peak !== null && answer.dates.length > 1 ? t("most", { part: partNames(answer, answer.zone)[peak], e: said(first, of.wh[peak], l) }) : "",
    ].filter(Boolean).join(", ");
    if (!chartPlace.contains(chart.element)) fill(chartPlace, chart.element);
    chart.show({ span: first, compared, zone: answer.zone, nowS, first: answer.first_date, title: `${costs ? `${t("cost")}: ` : ""}${periodName(answer, answer.zone)}`, summary });
    drawOthers(answer, rest, comparedParts, nowS);
    fill(legend, series(first).series.map((one) => el("span", null, el("i", { class: `dot ${one.role}`, "aria-hidden": "true" }), one.key === one.role ? t(one.role) : one.key)),
      answer.compared && el("span", null, el("i", { class: "dot ghost", "aria-hidden": "true" }), periodName(answer.compared, answer.zone)));
    drawSums(answer);
    if (isTable) fillTables();
  };

  /** @param {Energy} answer @param {Energy[]} rest @param {import("../types").EnergySpan[]} compared @param {number} nowS */
  const drawOthers = (answer, rest, compared, nowS) => {
    fill(othersPlace, rest.flatMap((span) => {
      const unit = span.unit ?? "kWh";
      const made = others.get(unit) ?? barChart({ height: 200, open: (n) => into(n), out: () => out() });
      others.set(unit, made);
      const names = span.meters.map((meter) => meter.meter).join(", ");
      const title = `${names}, ${symbol(unit)}`;
      const summary = span.meters.map((meter) => `${meter.meter} ${total(span, meter.total.energy_wh)}`).join(", ");
      const against = compared.find((other) => other.unit === unit) ?? null;
      made.show({ span, compared: against, zone: answer.zone, nowS, first: answer.first_date, title, summary });
      return [el("h3", null, title), made.element];
    }));
  };

  const fillTables = () => fill(tablePlace, [chart, ...(shown ? parted(shown).slice(1) : []).map((span) => others.get(span.unit ?? "kWh"))].map((one) => one?.table()));

  /** @param {Energy} answer @param {ReturnType<typeof change>} by */
  const drawHead = (answer, by) => {
    const l = locale();
    const of = main({ ...answer, costs: undefined });
    const hasSun = answer.meters.some((meter) => meter.role === "generation");
    fill(head,
      of && el("p", { class: "big" }, el("span", { class: "label" }, t(of.role)), el("b", null, total(answer, of.total))),
      answer.derived.why === null && hasSun && el("p", { class: "big" }, el("span", { class: "label" }, t("autarky")), el("b", null, percent(answer.derived.autarky, l))),
      answer.money?.total && el("p", { class: "big cost" }, el("span", { class: "label" }, t("cost")), el("b", null, money(answer.money.total, answer.money.currency, l))),
      by && answer.compared && el("p", { class: "change" }, changeText(answer, by)));
  };

  /** @param {Energy} answer @param {NonNullable<ReturnType<typeof change>>} by */
  const changeText = (answer, by) => {
    const l = locale();
    const date = answer.compared ? periodName(answer.compared, answer.zone) : "";
    const share = Math.round(Math.abs(by.ratio) * 100);
    const p = `${plain(share, 0, l)}\u202f%`;
    const text = share === 0 ? t("same.as", { date }) : t(by.ratio > 0 ? "more.than" : "less.than", { p, date });
    const mark = share === 0 ? "=" : by.ratio > 0 ? "▲" : "▼";
    const until = by.untilS === null ? "" : ` (${t("until", {
      time: answer.part === "hour" ? clock(by.untilS * 1000, answer.zone, l) : ofDate(lastDate(answer, by.untilS), l, { day: "numeric", month: "short" }),
    })})`;
    return `${answer.costs ? `${t("cost")} ` : ""}${mark} ${text}${until}`;
  };

  /** The last whole day before an instant that begins a part. @param {Energy} answer @param {number} s */
  const lastDate = (answer, s) => {
    const n = answer.starts_s.indexOf(s);
    return civil.addDays(answer.dates[n] ?? answer.today, -1);
  };

  /** @param {Energy} answer */
  const drawNotes = (answer) => {
    const l = locale();
    const notes = [];
    if (answer.derived.why && parted(answer)[0].meters.length > 1 && !parted(answer)[0].unit) notes.push(t(`why.${answer.derived.why}`));
    if (answer.derived.meters_disagree) notes.push(t("disagree"));
    if (!answer.complete) notes.push(`▨ ${t("not.watched")}`);
    if (answer.money && !answer.money.complete) notes.push(t("unpriced", { e: energy(Number(answer.money.unpriced_kwh) * 1000, l) }));
    const restored = answer.meters.reduce((sum, meter) => sum + meter.restored, 0);
    if (restored > 0) notes.push(t("restored", { n: plain(restored, 0, l) }));
    const first = answer.first_date;
    const isBefore = first !== null && answer.date !== null && answer.dates.length > 0 && first > (answer.dates.at(-1) ?? "") && answer.part !== "hour";
    const isDayBefore = first !== null && answer.part === "hour" && answer.date !== null && answer.date < first;
    fill(note, notes.map((text) => el("p", { class: "note" }, text)),
      first && (isBefore || isDayBefore) && el("p", { class: "note" }, t("no.data.before", { date: ofDate(first, l, { day: "numeric", month: "long", year: "numeric" }) }), " ",
        route && el("a", { href: address({ ...route, date: first }) }, t("jump"))));
  };

  /** "≥ 7.4 kWh" where not all was watched. @param {Energy} answer @param {number | null} wh */
  const total = (answer, wh) => {
    const said = amount(wh === null ? null : Math.max(0, wh), answer.unit, locale());
    return answer.complete || wh === null ? said : `≥\u202f${said}`;
  };

  /** @param {Energy} answer */
  const drawSums = (answer) => {
    const l = locale();
    /** @type {[string, string, string, string][]} */
    const rows = [];
    const { derived, money: costs } = answer;
    const cost = (/** @type {string | null | undefined} */ amount) => (amount && costs ? money(amount, costs.currency, l) : "");
    const full = (/** @type {number | null} */ wh) => {
      const said = energy(wh, l, 2);
      return answer.complete || wh === null ? said : `≥\u202f${said}`;
    };
    const hasSun = answer.meters.some((meter) => meter.role === "generation");
    if (derived.why === null) rows.push(["house", t("house"), full(derived.house_wh), cost(costs?.total)]);
    if (derived.why === null && hasSun) rows.push(["self", t("self"), full(derived.self_wh), percent(derived.self_rate, l)]);
    for (const meter of answer.meters) {
      const isAlone = answer.meters.filter((other) => other.role === meter.role).length === 1;
      const name = isAlone && meter.role !== "other" ? t(meter.role) : meter.meter;
      const sum = isAlone && meter.role === "import" ? costs?.import : isAlone && meter.role === "export" ? costs?.export : null;
      const counted = amount(milliOf(meter.total, meter.unit), meter.unit, l, 2);
      rows.push([meter.role, name, answer.complete ? counted : `≥\u202f${counted}`, cost(sum)]);
    }
    for (const role of /** @type {("import" | "export")[]} */ (["import", "export"])) {
      const several = answer.meters.filter((meter) => meter.role === role).length > 1;
      if (several && costs?.[role]) rows.push([role, t(role), "", cost(costs[role])]);
    }
    if (costs?.standing && Number(costs.standing) !== 0) rows.push(["house", t("standing"), "", cost(costs.standing)]);
    fill(sums, rows.map(([role, name, amount, extra]) => el("div", null,
      el("dt", null, el("i", { class: `dot ${role}`, "aria-hidden": "true" }), name), el("dd", null, amount), el("dd", { class: "extra" }, extra))));
  };

  const toggleTable = () => {
    isTable = !isTable;
    asTable.setAttribute("aria-pressed", String(isTable));
    tablePlace.hidden = !isTable;
    if (isTable) fillTables();
  };

  /** Bars of energy, or of what it costs. @param {Route["as"]} as */
  const inUnit = (as) => route && go({ ...route, as }, true);

  /** @param {number} n */
  const into = (n) => {
    if (!route || !shown) return;
    const inner = civil.inner(route.period);
    if (inner) go({ ...route, period: inner, date: shown.dates[n] });
    else go({ ...route, view: "history", from: shown.starts_s[n], to: shown.starts_s[n + 1], as: "power" });
  };

  const out = () => {
    if (!route) return;
    const outer = civil.outer(route.period);
    if (outer) go({ ...route, period: outer, date: route.date ?? state.now?.today.date ?? null });
  };

  /** @param {number} by */
  const step = (by) => {
    const button = by < 0 ? before : after;
    if (!route || button.disabled) return;
    const today = shown?.today ?? state.now?.today.date;
    const date = route.date ?? today;
    if (!date) return;
    const next = civil.step(route.period, date, by);
    go({ ...route, date: today && civil.first(route.period, today) === next ? null : next });
    announce(dateName(route.period, next));
  };

  swipe(pager, step);
  on("day", () => route && load());
  on("resumed", () => route && load());
  on("minutes", () => {
    // What runs grows: every five minutes are often enough for bars.
    if (route && shown && nowMs() - Date.parse(shown.as_of) > 290_000 && (shown.starts_s.at(-1) ?? 0) > nowMs() / 1000) load();
  });

  return {
    /** @param {Route} wanted */
    show(wanted) {
      const isOther = route === null || wanted.period !== route.period || wanted.date !== route.date;
      const isUnit = shown && route && wanted.as !== route.as && address({ ...wanted, as: route.as }) === address(route);
      route = wanted;
      if (isUnit && !asking) {
        drawControls();
        return draw();
      }
      if (isOther) shown = shown && shown.period === wanted.period ? shown : null;
      load();
    },
    hide() {
      asking?.abort();
      route = null;
    },
    csv: () => csv.getAttribute("href") ?? "",
    /** @param {KeyboardEvent} event */
    key(event) {
      if (!route) return false;
      const period = { d: "day", w: "week", m: "month", y: "year", a: "total" }[event.key];
      if (period) {
        const to = /** @type {civil.Period} */ (period);
        go({ ...route, period: to, date: kept(to) });
      } else if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "ArrowRight") step(1);
      else if (event.key === "t") go({ ...route, date: null });
      else if (event.key === "c") go({ ...route, compare: COMPARES[(COMPARES.indexOf(route.compare) + 1) % 3] }, true);
      else if (event.key === "k" && !units.hidden) inUnit(route.as === "cost" ? "power" : "cost");
      else if (event.key === "+") into(lastPart());
      else if (event.key === "-" || event.key === "Escape") out();
      else if (event.key === "0") go({ ...route, period: "total", date: null });
      else if (event.key === "e" && shown) go({ ...route, view: "history", from: Date.parse(shown.from) / 1000, to: Math.min(Date.parse(shown.to), nowMs()) / 1000, as: "power" });
      else return false;
      return true;
    },
  };

  /** The last part with a value, to go into. */
  function lastPart() {
    const wh = shown ? main(parted(shown)[0])?.wh ?? [] : [];
    for (let n = wh.length - 1; n >= 0; n -= 1) if (wh[n] !== null) return n;
    return 0;
  }
}

/** A finger that moves along the period's bar changes it. @param {HTMLElement} bar @param {(by: number) => void} step */
function swipe(bar, step) {
  /** @type {{x: number, y: number} | null} */
  let from = null;
  bar.addEventListener("pointerdown", (event) => {
    from = event.pointerType === "mouse" ? null : { x: event.clientX, y: event.clientY };
  });
  bar.addEventListener("pointerup", (event) => {
    if (!from) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    from = null;
    if (Math.abs(dx) > 40 && Math.abs(dx) > 2 * Math.abs(dy)) step(dx < 0 ? 1 : -1);
  });
  bar.addEventListener("pointercancel", () => (from = null));
}

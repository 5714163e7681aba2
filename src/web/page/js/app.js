// The page: starts the views, goes between them, keeps the stream, and says how it stands.

import { announce } from "./announce.js";
import { get, url } from "./api.js";
import { byId, el, fill, say } from "./dom.js";
import { keys } from "./keys.js";
import { later } from "./later.js";
import { clockSeconds } from "./moment.js";
import { rate } from "./number.js";
import { problemCard } from "./problem.js";
import { address, parse, START, VIEWS } from "./route.js";
import { isStale, on, ready, state, take, takeHealth, tell, zone } from "./store.js";
import { Stream } from "./stream.js";
import { lang, locale, nextLanguage, t } from "./text.js";
import { nextTheme } from "./theme.js";
import { MARKS, trust } from "./trust.js";
import { nowView, spoken } from "./views/now.js";

/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("./route.js").View} View */
/** @typedef {{show: (route: Route) => void, hide: () => void, csv: () => string, key?: (event: KeyboardEvent) => boolean}} Shown */

/** The other views' code comes when they are first opened. @type {Record<View, (place: HTMLElement) => Promise<Shown>>} */
const MAKERS = {
  now: async (place) => nowView(place, go),
  energy: async (place) => (await import("./views/energy.js")).energyView(place, go),
  history: async (place) => (await import("./views/history.js")).historyView(place, go),
  meters: async (place) => (await import("./views/meters.js")).metersView(place),
  health: async (place) => (await import("./views/health.js")).healthView(place),
};

/** So long is waited for the first state before a view is shown without. */
const READY_MS = 2_000;

/** @type {Partial<Record<View, Shown>>} */
let views = {};
/** @type {Route} */
let route = { ...START };
let turn = 0;
/** The code of the view that is shown did not come. */
let isMissing = false;

/** Goes somewhere. @param {Route} to @param {boolean} [replace] without a step back */
export function go(to, replace = false) {
  const target = address(to);
  if (replace || target === location.pathname + location.search) history.replaceState(null, "", target);
  else history.pushState(null, "", target);
  show(to);
}

/** @param {Route} to */
async function show(to) {
  const mine = (turn += 1);
  const isOther = to.view !== route.view;
  isMissing = false;
  if (isOther) views[route.view]?.hide();
  route = to;
  for (const view of VIEWS) {
    byId(`view-${view}`).hidden = view !== to.view;
    const link = byId(`to-${view}`);
    if (view === to.view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  title();
  // Without the first state no time can be told; but a daemon that does not answer must be told of too.
  await Promise.race([ready, new Promise((resolve) => setTimeout(resolve, READY_MS))]);
  if (mine !== turn) return;
  byId("main").hidden = false;
  let made = views[to.view];
  if (!made) {
    try {
      made = await later(() => MAKERS[to.view](byId(`view-${to.view}`)));
    } catch (failed) {
      isMissing = true;
      fill(byId(`view-${to.view}`), el("section", { class: "card" }, problemCard(failed, () => show(route))));
      return;
    }
    views[to.view] = made;
  }
  if (mine !== turn) return;
  made.show(to);
  if (isOther) window.scrollTo(0, 0);
}

function read() {
  return parse(location.pathname, location.search) ?? { ...START };
}

/** Links to our own addresses change the view, no more. @param {MouseEvent} event */
function follow(event) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  if (!link || link.hasAttribute("download") || link.origin !== location.origin || link.hash !== "") return;
  const to = parse(link.pathname, link.search);
  if (!to) return;
  event.preventDefault();
  go(to);
}

// --- what stands on every view ---

function texts() {
  document.querySelectorAll("[data-t]").forEach((element) => say(element, t(element.getAttribute("data-t") ?? "")));
  document.querySelectorAll("[data-label]").forEach((element) => element.setAttribute("aria-label", t(element.getAttribute("data-label") ?? "")));
  say(byId("language"), lang() === "de" ? "EN" : "DE");
}

function trustLine() {
  const { level, sentence } = trust(state.health, zone());
  const line = byId("trust");
  line.className = `trust ${level}`;
  say(byId("trust-mark"), MARKS[level]);
  say(byId("trust-word"), `${t(level)}: `);
  say(byId("trust-text"), sentence);
  byId("to-health").dataset.level = level;
}

let saidLevel = "";
on("health", () => {
  trustLine();
  const { level, sentence } = trust(state.health, zone());
  if (saidLevel && saidLevel !== level) announce(sentence);
  saidLevel = level;
});

let banner = "";
on("now", () => {
  const now = state.now;
  if (!now) return;
  say(byId("site"), now.site ?? t("title.none"));
  const told = [now.simulated ? t("simulated") : "", now.clock_trusted ? "" : `≈ ${t("clock.untrusted")}`].filter(Boolean).join(" ");
  if (told !== banner) {
    banner = told;
    const place = byId("banner");
    place.hidden = told === "";
    place.classList.toggle("simulated", now.simulated);
    say(place, told);
  }
  title();
});

let titleMs = -Infinity;
let titleView = "";
function title() {
  const isOther = titleView !== route.view + lang();
  if (!isOther && performance.now() - titleMs < 10_000) return;
  const now = state.now;
  titleMs = now ? performance.now() : -Infinity;
  titleView = route.view + lang();
  const watts = now && !isStale() ? now.flow.house_w ?? (now.meters.length === 1 ? now.meters[0].rate ?? now.meters[0].power_w : null) : null;
  const site = now?.site ?? t("title.none");
  const name = route.view === "now" ? (watts === null ? "" : `${rate(Math.max(0, watts), now?.meters.length === 1 ? now.meters[0].unit : undefined, locale())} · ${t("house")}`) : t(`view.${route.view}`);
  document.title = [now?.simulated ? `[${t("simulated.title")}]` : "", name, site].filter(Boolean).join(" · ").replace("] · ", "] ");
}

let saidConnection = "";
function connection() {
  const { connection: is } = state;
  const isOld = is !== "live" && is !== "polling" && is !== "hidden" && state.now !== null && is !== "connecting";
  document.body.classList.toggle("old", isOld);
  const time = state.now ? clockSeconds(Date.parse(state.now.as_of), zone(), locale()) : "";
  const word = is === "live" ? t("live") : is === "polling" ? t("polling") : is === "lost" && state.now ? t("stale", { time }) : is === "lost" ? t("gone") : t("connecting");
  byId("live").className = `live is-${is}`;
  say(byId("live-text"), word);
  if (is === "lost" && saidConnection === "live") announce(t("stale.said", { time }));
  if (is === "polling" && saidConnection !== "polling") announce(t("polling.said"));
  if (is === "live" && (saidConnection === "lost" || saidConnection === "polling")) announce(t("live.said"));
  if (is !== "connecting" && is !== "hidden") saidConnection = is;
}
on("connection", connection);
on("connection", () => isMissing && state.connection === "live" && show(route));

// --- the stream ---

let wasAway = false;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let minutes;
const stream = new Stream({
  open: (last) => new EventSource(url("events", { last_event_id: last || null })),
  ask: () => get("now"),
  told: (event, data) => {
    if (event === "now") {
      take(data);
      if (wasAway) {
        wasAway = false;
        tell("resumed");
      }
    } else if (event === "health") takeHealth(data);
    else if (event === "minute") {
      tell("minute", data);
      // Those that were missed come at once: what is asked for again is asked for once.
      clearTimeout(minutes);
      minutes = setTimeout(() => tell("minutes"), 100);
    } else tell(/** @type {import("./store.js").Topic} */ (event), data);
  },
  changed: (is) => {
    if (is === "lost" || is === "hidden") wasAway = true;
    state.connection = is;
    tell("connection");
  },
  later: (act, ms) => setTimeout(act, ms),
  never: (timer) => clearTimeout(timer),
  random: Math.random,
});

function seen() {
  if (document.visibilityState === "hidden") stream.hide();
  else stream.show();
}

// --- keys ---

/** @param {KeyboardEvent} event */
function key(event) {
  const view = VIEWS[Number(event.key) - 1];
  if (view) go(view === "now" ? { ...START } : parse(`/${view}`, "") ?? { ...START });
  else if (event.key === "s") announce(t("said.now", { house: spoken(), trust: trust(state.health, zone()).sentence }));
  else if (event.key === "x") byId("csv").click();
  else if (event.key === "t" && route.view !== "energy" && route.view !== "history") go({ ...START });
  else if (!views[route.view]?.key?.(event)) {
    const period = { d: "day", w: "week", m: "month", y: "year", a: "total" }[event.key];
    if (!period || route.view === "history") return false;
    go({ ...START, view: "energy", period: /** @type {import("./civil.js").Period} */ (period) });
  }
  return true;
}

function start() {
  texts();
  byId("theme").addEventListener("click", nextTheme);
  byId("language").addEventListener("click", nextLanguage);
  const csv = el("a", { id: "csv", hidden: true, download: "", tabindex: -1 });
  csv.addEventListener("click", () => csv.setAttribute("href", views[route.view]?.csv() || url("now", {})));
  document.body.append(csv);
  keys(key);
  document.addEventListener("click", follow);
  addEventListener("popstate", () => show(read()));
  document.addEventListener("visibilitychange", seen);
  addEventListener("online", seen);
  addEventListener("pagehide", () => stream.hide());
  addEventListener("pageshow", (event) => event.persisted && seen());
  route = read();
  show(route);
  // What the document has asked for beforehand, while the stream opens.
  get("now").then((now) => state.now === null && take(now), () => {});
  if (document.visibilityState !== "hidden") stream.open();
  let ticks = 0;
  setInterval(() => {
    if (document.visibilityState === "hidden") return;
    tell("tick");
    if ((ticks += 1) % 30 === 0) trustLine();
  }, 1000);
}

start();

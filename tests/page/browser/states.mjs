// What is shown where something is missing, wrong or not there yet. Most of it is a real daemon in that state; what it cannot be brought
// into is an answer of it that is altered on the way.

import { PATIENCE_MS } from "./devtools.mjs";
import { contrasts } from "./needs.mjs";
import { checks, found, open, quiet, settled, until, visit } from "./tab.mjs";

const text = (tab, selector) => tab.evaluate((selector) => document.querySelector(selector)?.textContent ?? "", selector);
async function says(tab, selector, pattern) {
  return until(tab, `${selector} says ${pattern}`, (selector, pattern) => new RegExp(pattern).test(document.querySelector(selector)?.textContent ?? ""), selector, pattern.source);
}
async function saysNot(tab, selector, pattern) {
  const is = await text(tab, selector);
  if (pattern.test(is)) found(tab.where, `${selector} says ${is}`);
}

/** No pulse yet: what to do; the first one makes that go away by itself. Later states are asked of the daemon. */
export async function empty({ browser, base, ask }) {
  const tab = await open(browser, "phone", { where: "no pulse ever", isQuiet: true });
  await visit(tab, base);
  await says(tab, "#view-now", /No pulse yet.*powerlogger watch Import/);
  await says(tab, "#trust-text", /No pulse yet/);
  for (const view of ["/energy", "/history", "/meters", "/health"]) {
    await visit(tab, base + view, `no pulse ever ${view}`);
    await checks(tab);
  }
  await visit(tab, base, "no pulse ever");
  await tab.evaluate(() => (window.isSame = true));
  await ask("pulses");
  await until(tab, "the first pulse is seen", () => window.isSame && !document.querySelector("#view-now .empty") && /W/.test(document.querySelector("#view-now .tile-power")?.textContent ?? ""));
  await tab.close();
}

/** One meter: a number and its day. House and autarky are absent, not 0. No server: a line, no warning. The house is made up: said. */
export async function one({ browser, base }) {
  const tab = await open(browser, "phone", { where: "one meter" });
  await visit(tab, base);
  await until(tab, "one tile, no flow", () => document.querySelectorAll("#view-now .tile").length === 1 && document.querySelector(".tiles.single") && !document.querySelector(".flow"));
  await saysNot(tab, "#view-now", /House|Autarky/);
  await says(tab, "#trust-text", /Kept here; no server is configured\./);
  await until(tab, "no warning of that", () => document.querySelector("#trust").classList.contains("ok"));
  await until(tab, "the banner", () => !document.querySelector("#banner").hidden && document.querySelector("#banner.simulated"));
  await until(tab, "the title says that it is made up", () => document.title.startsWith("[simulated]"));
  const simulated = await tab.evaluate(async () => (await (await fetch("/api/v1/now")).json()).simulated);
  if (simulated !== true) found(tab.where, "the JSON does not say that it is made up");
  await visit(tab, `${base}/energy`, "one meter /energy");
  await saysNot(tab, "#view-energy", /House|Autarky/);
  await checks(tab);
  await tab.close();
}

/** Generation without export: what is derived is absent, with the reason. */
export async function reason({ browser, base }) {
  const tab = await open(browser, "wide", { where: "no meter of the export" });
  await visit(tab, base);
  await says(tab, "#view-now", /House and autarky need a meter of the export/);
  await until(tab, "two tiles, no flow", () => document.querySelectorAll("#view-now .tile").length === 2 && !document.querySelector(".flow"));
  await visit(tab, `${base}/energy`, "no meter of the export /energy");
  await says(tab, "#view-energy .notes", /House and autarky need a meter of the export/);
  await saysNot(tab, "#view-energy .headline", /House|Autarky/);
  await checks(tab);
  await tab.close();
}

/** A stretch that was not watched is hatched, its sums are "≥", and Health says from when to when. */
export async function unwatched({ browser, base, date }) {
  const tab = await open(browser, "wide", { where: "not watched in part" });
  await visit(tab, `${base}/energy/day/${date}`);
  await until(tab, "hatched hours", () => document.querySelectorAll("#view-energy .bars .unwatched").length > 0);
  const watched = await tab.evaluate(() => [document.querySelectorAll("#view-energy .bars .unwatched").length, document.querySelectorAll("#view-energy .bars rect.fill").length]);
  if (watched[1] === 0) found(tab.where, "nothing of the watched hours is shown");
  await says(tab, "#view-energy .headline", /≥/);
  await says(tab, "#view-energy .sums", /≥/);
  await says(tab, "#view-energy .notes", /not watched in part/);
  await visit(tab, `${base}/health`, "not watched in part /health");
  await says(tab, "#view-health .stretches", /Import: Not watched, .* to .*/);
  await says(tab, "#trust-text", /All that came while watched since/);
  await checks(tab);
  await tab.close();
}

/** Pulses that were restored by number are said to be. */
export async function restored({ browser, base }) {
  const tab = await open(browser, "phone", { where: "restored by number" });
  await tab.goto(`${base}/energy/total`);
  await settled(tab);
  await until(tab, "it is said in the sum", async () => {
    const said = /of it 2 pulses restored by number/.test(document.querySelector("#view-energy .notes")?.textContent ?? "");
    // It is in a sum when its minute is over. A question that another one takes the place of has no answer.
    if (!said && !document.querySelector("#view-energy [aria-busy=true]")) [...document.querySelectorAll("#view-energy .segments a")].at(-1)?.click();
    return said;
  });
  await visit(tab, `${base}/health`, "restored by number /health");
  await says(tab, "#view-health .stretches", /Import: restored by number: 2/);
  await says(tab, "#view-health .health-grid", /Restored by number2/);
  await visit(tab, `${base}/meters`, "restored by number /meters");
  await says(tab, "#view-meters .losses", /restored by number: 2/);
  await checks(tab);
  await tab.close();
}

/** An answer that is altered on the way. Runs before all scripts of the page. */
function altered(change) {
  const { fetch } = window;
  window.fetch = async (...all) => {
    const response = await fetch(...all);
    const json = response.json.bind(response);
    response.json = async () => change(await json());
    return response;
  };
  const listen = window.EventSource.prototype.addEventListener;
  window.EventSource.prototype.addEventListener = function (name, told, ...more) {
    listen.call(this, name, (event) => told(name === "now" ? new MessageEvent(name, { data: JSON.stringify(change(JSON.parse(event.data))), lastEventId: event.lastEventId }) : event), ...more);
  };
}

/** The clock is not trusted: every view says that times are approximate. */
export async function clock({ browser, base }) {
  const tab = await open(browser, "phone", { where: "clock not trusted" });
  const change = (answer) => (answer && "clock_trusted" in answer ? { ...answer, clock_trusted: false } : answer);
  await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: `(${altered})(${change})` });
  for (const view of ["/", "/energy", "/history", "/meters", "/health"]) {
    await visit(tab, base + view, `clock not trusted ${view}`);
    await says(tab, "#banner", /≈ The clock is not known to be right: times are approximate/);
    await checks(tab);
  }
  await tab.close();
}

/** A question is refused again and again: its title, what to do, and "again" in its place; all else lives on. Once: nobody sees it. */
export async function refused({ browser, base }) {
  const tab = await open(browser, "wide", { where: "refused", isQuiet: true });
  let refusals = Infinity;
  /** How often each was asked. */
  const asked = new Map();
  const problem = { type: "/problems/busy", title: "Too many long questions at once", status: 503, detail: "Two are being answered.", remedy: "Ask again in a moment." };
  tab.on("Fetch.requestPaused", ({ requestId, request: { url } }) => {
    asked.set(url, (asked.get(url) ?? 0) + 1);
    if (asked.get(url) > refusals) return tab.send("Fetch.continueRequest", { requestId }).catch(() => {});
    const body = Buffer.from(JSON.stringify(problem)).toString("base64");
    return tab.send("Fetch.fulfillRequest", { requestId, responseCode: 503, responseHeaders: [{ name: "Content-Type", value: "application/problem+json" }, { name: "Retry-After", value: "0" }], body }).catch(() => {});
  });
  await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/api/v1/energy*" }, { urlPattern: "*/api/v1/history*" }] });
  for (const [view, place] of [["/", "#view-now"], ["/energy", "#view-energy"], ["/history", "#view-history"]]) {
    refusals = Infinity;
    asked.clear();
    await visit(tab, base + view, `refused ${view}`);
    await until(tab, "what is refused, and what to do", (place) => {
      const said = document.querySelector(`${place} .problem`)?.textContent ?? "";
      return said.includes("Too many long questions") && said.includes("Again") && said.length > 60;
    }, place);
    if (view === "/") await until(tab, "power is shown all the same", () => /W/.test(document.querySelector("#view-now .tile-power")?.textContent ?? ""));
    if (Math.max(...asked.values()) < 2) found(tab.where, "it is not asked again by itself");
    refusals = 0;
    await tab.click(`${place} .problem button`);
    const isThere = (place) => !document.querySelector(`${place} .problem`) && document.querySelector(`${place} .bars rect, ${place} canvas`);
    await until(tab, "again helps", isThere, place);
    await quiet(tab);
    refusals = 1;
    asked.clear();
    await visit(tab, base + view, `refused once ${view}`);
    await until(tab, "it is asked again by itself", isThere, place);
    if (Math.max(...asked.values()) < 2) found(tab.where, "it was not refused");
  }
  await tab.close();
}

/** The daemon is of another version than the page and does not have its files any more: the page loads itself again, once. */
export async function upgraded({ browser, base }) {
  const tab = await open(browser, "phone", { where: "upgraded", isQuiet: true });
  await tab.beforehand(() => {
    const now = performance.now.bind(performance);
    // Young, however busy this machine is.
    window.later = -1e6;
    performance.now = () => now() + window.later;
  });
  // Nor is what another tab has loaded there.
  await tab.send("Network.setCacheDisabled", { cacheDisabled: true });
  await visit(tab, base);
  let [isOther, isHeld] = [true, false];
  tab.on("Fetch.requestPaused", ({ requestId, resourceType }) => {
    isHeld = true;
    if (resourceType === "Document") isOther = false;
    return tab.send(isOther ? "Fetch.fulfillRequest" : "Fetch.continueRequest", isOther ? { requestId, responseCode: 404 } : { requestId }).catch(() => {});
  });
  await tab.send("Fetch.enable", { patterns: [{ urlPattern: "*/js/views/*" }, { urlPattern: `${base}/energy`, resourceType: "Document" }] });
  // The browser says that it holds requests before it does so for those of this page.
  const end = Date.now() + PATIENCE_MS;
  while (!isHeld && Date.now() < end) await tab.evaluate(() => fetch("/js/views/none.js").then(() => 0, () => 0));
  // A young page does not load itself again, or it might do so for ever.
  await tab.press("2");
  await until(tab, "a refusal", () => document.querySelector("#view-energy .problem"));
  await tab.evaluate(() => (window.later = 60_000));
  await tab.click("#view-energy .problem button");
  await until(tab, "bars after it was loaded again", () => performance.getEntriesByType("navigation")[0].type === "reload" && location.pathname === "/energy" && document.querySelector("#view-energy .bars text"));
  await settled(tab);
  await tab.close();
}

/** Nothing beyond today; before the first data a word, and the way there. */
export async function beyond({ browser, base }) {
  const tab = await open(browser, "phone", { where: "beyond" });
  for (const period of ["day", "week", "month", "year"]) {
    await visit(tab, `${base}/energy/${period}`.replace("/day", ""), `beyond ${period}`);
    const after = await tab.evaluate(() => document.querySelectorAll("#view-energy .step")[1].disabled);
    if (!after) found(tab.where, "› goes beyond today");
    await tab.press("ArrowRight");
    if (!/^\/energy(\/\w+)?$/.test(await tab.evaluate(() => location.pathname))) found(tab.where, "a key goes beyond today");
  }
  await visit(tab, `${base}/energy/day/2020-02-03`, "beyond the first day");
  await says(tab, "#view-energy .notes", /No data before \d+ \w+ 2026/);
  await tab.click("#view-energy .notes a");
  await until(tab, "the first day", () => location.pathname.startsWith("/energy/day/2026") && document.querySelector("#view-energy .bars rect.fill"));
  await tab.close();
}

/** The daemon is gone: what there is stays, told to be old and readable; after a minute no power is claimed; other views say what is the matter. */
export async function gone({ browser, base, ask }) {
  for (const theme of ["light", "dark"]) {
    const tab = await open(browser, "phone", { theme, where: `gone ${theme}`, isQuiet: true });
    // A minute that has not passed yet.
    await tab.beforehand(() => {
      const now = performance.now.bind(performance);
      window.later = 0;
      performance.now = () => now() + window.later;
    });
    await visit(tab, `${base}/health`);
    await tab.press("1");
    await until(tab, "power", () => /W/.test(document.querySelector("#view-now .tile-power")?.textContent ?? ""));
    const before = await text(tab, "#view-now .tile-power");
    await ask("stop");
    await until(tab, "it is told to be old", () => document.body.classList.contains("old"));
    await says(tab, "#live", /last value \d\d:\d\d:\d\d/);
    if (!/W/.test(before) || !/W/.test(await text(tab, "#view-now .tile-power"))) found(tab.where, "the last value is not shown");
    const lowest = await tab.evaluate(contrasts);
    if (lowest.text < 4.5) found(tab.where, `old text of ${lowest.text.toFixed(2)}: ${lowest.of}`);
    await tab.evaluate(() => (window.later = 61_000));
    await until(tab, "no power is claimed", () => [...document.querySelectorAll("#view-now .tile-power .number")].every((number) => number.textContent === "–"));
    // A view whose code was never loaded, and one whose code is there.
    for (const [key, view] of [["2", "energy"], ["5", "health"]]) {
      await tab.press(key);
      await until(tab, "the daemon does not answer", (view) => /The daemon does not answer.*tries again by itself/.test(document.querySelector(`#view-${view}`)?.textContent ?? ""), view);
    }
    await tab.press("1");
    await until(tab, "what was there", () => !document.querySelector("#view-now").hidden && document.querySelector("#view-now .tile"));
    await tab.press("2");
    const counting = await tab.evaluate(async () => {
      const said = () => document.querySelector("#live").textContent;
      const first = said();
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      return [first, said()];
    });
    if (counting.some((said) => /\bin \d/.test(said))) found(tab.where, `a counter ticks: ${counting}`);
    await ask("start");
    await until(tab, "bars by themselves, once it is back", () => document.querySelector("#view-energy .bars text"));
    await until(tab, "live", () => document.querySelector("#live").classList.contains("is-live") && !document.body.classList.contains("old"));
    await tab.close();
  }
}

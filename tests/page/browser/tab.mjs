// A tab that notes what must not be: errors, what the policy refuses, what moves by itself. Waiting is for conditions, with a deadline.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { PATIENCE_MS } from "./devtools.mjs";

export const SIZES = { phone: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true }, wide: { width: 1440, height: 900 } };
export const VIEWS = ["/", "/energy", "/energy/week", "/energy/month", "/energy/year", "/energy/total", "/history", "/meters", "/health"];

/** What `Retry-After` says where the daemon has no turn for a question: only there. */
const BUSY_AFTER = "2";

/** How often a condition is looked at. */
const LOOK_MS = 50;
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What was found; each is a line, and one is enough for a walk to fail. @type {string[]} */
export const findings = [];
export function found(where, what) {
  findings.push(`${where}: ${what}`);
  console.log(`✖ ${where}: ${what}`);
}

/** A package for the walk, from the directory that PAGE_TOOLS names. @param {string} file */
export function tool(file) {
  const require = createRequire(join(process.env.PAGE_TOOLS ?? process.cwd(), "x.js"));
  return readFileSync(require.resolve(file), "utf8");
}

/** What runs first in each document. */
function watch() {
  const seen = { shift: 0, shifts: [], csp: [], streams: [], days: [], pending: 0 };
  window.seen = seen;
  addEventListener("securitypolicyviolation", (event) => seen.csp.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      if (entry.hadRecentInput) continue;
      // The flow bar is true to scale: its parts move with the power, and with nothing else.
      const places = entry.sources.map(({ node }) => (node instanceof Element ? node : node?.parentElement));
      if (places.length > 0 && places.every((place) => place?.closest(".flow"))) continue;
      seen.shift += entry.value;
      seen.shifts.push(`${entry.value.toFixed(4)} ${entry.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName).join(" ")}`);
    }
  }).observe({ type: "layout-shift", buffered: true });
  const Source = window.EventSource;
  window.EventSource = class extends Source {
    constructor(...all) {
      super(...all);
      seen.streams.push(this);
      this.addEventListener("day", ({ data }) => seen.days.push(JSON.parse(data)));
    }
  };
  const { fetch } = window;
  window.fetch = async (...all) => {
    seen.pending += 1;
    try {
      const response = await fetch(...all);
      // What is made of it comes after it is read.
      const json = response.json.bind(response);
      response.json = async () => {
        seen.pending += 1;
        try {
          return await json();
        } finally {
          // What is asked again after some time is under way until then.
          const again = response.headers.get("Retry-After");
          setTimeout(() => (seen.pending -= 1), again === null ? 0 : Number(again) * 1000 + 100);
        }
      };
      return response;
    } finally {
      setTimeout(() => (seen.pending -= 1));
    }
  };
}

/**
 * @param {import("./devtools.mjs").Browser} browser @param {keyof typeof SIZES} size
 * @param {{theme?: string, features?: Record<string, string>, where?: string, isQuiet?: boolean, zone?: string}} [options] quiet: errors of the
 * network are meant to come
 */
export async function open(browser, size, { theme = "light", features = {}, where = size, isQuiet = false, zone } = {}) {
  const tab = await browser.newTab();
  tab.where = where;
  await tab.viewport(SIZES[size]);
  if (zone) await tab.send("Emulation.setTimezoneOverride", { timezoneId: zone });
  await tab.media({ "prefers-color-scheme": theme, ...features });
  await tab.beforehand(watch);
  tab.on("Runtime.exceptionThrown", ({ exceptionDetails: of }) => found(tab.where, `error: ${of.exception?.description ?? of.text}`));
  const isBad = (level) => ["error", "warning", "assert"].includes(level);
  tab.on("Runtime.consoleAPICalled", ({ type, args }) => isBad(type) && found(tab.where, `console: ${args.map((one) => one.value ?? one.description).join(" ")}`));
  // The daemon is busy with other questions, and the page asks again by itself: but the browser tells of it.
  const busy = new Set();
  tab.on("Network.responseReceived", ({ requestId, response: { status, headers } }) => {
    const after = Object.entries(headers).find(([name]) => name.toLowerCase() === "retry-after")?.[1];
    if (status === 503 && after === BUSY_AFTER) busy.add(requestId);
  });
  tab.on("Log.entryAdded", ({ entry }) => {
    if (busy.has(entry.networkRequestId)) return;
    // Only a busy machine takes so long.
    if (/was preloaded using link preload but not used within/.test(entry.text)) return;
    if (isBad(entry.level) && !(isQuiet && entry.source === "network")) found(tab.where, `console: ${entry.text} ${entry.url ?? ""}`);
  });
  return tab;
}

/** Waits for a condition in the page, with a deadline. */
export async function until(tab, what, condition, ...values) {
  const end = Date.now() + PATIENCE_MS;
  let last = "";
  while (Date.now() < end) {
    try {
      if (await tab.evaluate(condition, ...values)) return true;
    } catch (failed) {
      // Between two documents, or before there is what it looks at.
      last = ` (${failed.message.split("\n")[0]})`;
    }
    await pause(LOOK_MS);
  }
  const seen = await tab.evaluate(() => `${location.pathname}, ${document.querySelector("#live")?.textContent}: ${document.querySelector("main:not([hidden])")?.innerText.slice(0, 200)}`).catch((failed) => failed.message);
  found(tab.where, `not within ${PATIENCE_MS / 1000} s: ${what}${last}; seen is ${seen.replaceAll("\n", " ")}`);
  return false;
}

/** What the page gives as soon as it is not null. */
export async function given(tab, what, act, ...values) {
  let value = null;
  const look = async () => (value = await tab.evaluate(act, ...values)) !== null;
  await untilHere(tab.where, what, look);
  return value;
}

/** Waits for a condition out here. */
export async function untilHere(where, what, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (Date.now() < end) {
    if (await condition()) return true;
    await pause(LOOK_MS);
  }
  found(where, `not within ${PATIENCE_MS / 1000} s: ${what}`);
  return false;
}

/** All that was asked for has come and is drawn: some frames in a row without an open question. */
export async function quiet(tab) {
  await until(tab, "all answers drawn", async () => {
    for (let n = 0; n < 3; n += 1) {
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
      if (window.seen.pending > 0) return false;
    }
    return document.fonts.status === "loaded" && !document.querySelector("main:not([hidden]) [aria-busy=true]");
  });
}

/** The view is there when the stream lives, its main part is filled, and nothing more comes. */
export async function settled(tab) {
  await until(tab, "live", () => document.querySelector("#live")?.classList.contains("is-live"));
  await until(tab, "filled", () => Boolean([...document.querySelectorAll("main")].find((main) => !main.hidden)?.querySelector(".tiles, .bars rect, canvas, .meter, .sums, .empty, .problem, .card p")));
  await quiet(tab);
}

/** @param {string} address @param {string} [where] */
export async function visit(tab, address, where) {
  if (where) tab.where = where;
  await tab.goto(address);
  await settled(tab);
}

/** Nothing was refused by the policy, nothing moved by itself, nothing is wider than the window. */
export async function checks(tab) {
  const seen = await tab.evaluate(() => ({ ...window.seen, streams: 0, wide: document.documentElement.scrollWidth - document.documentElement.clientWidth }));
  if (seen.csp.length > 0) found(tab.where, `CSP: ${seen.csp.join(", ")}`);
  // Web Vitals calls 0.1 good. On a busy machine tiles and sums come one after the other, which alone makes 0.03.
  if (seen.shift > 0.05) found(tab.where, `layout shift ${seen.shift.toFixed(4)}: ${seen.shifts.join("; ")}`);
  if (seen.wide > 0) found(tab.where, `${seen.wide} px wider than the window`);
}

/** What axe finds in the page as it stands. */
export async function accessible(tab) {
  await tab.evaluate(tool("axe-core/axe.min.js") + ";0");
  const violations = await tab.evaluate(async () => {
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("; ")}`);
  });
  for (const violation of violations) found(tab.where, `axe ${violation}`);
}

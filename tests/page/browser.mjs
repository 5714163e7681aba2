// Walks the page in Chromium, served by anything that speaks the contract:
//   CHROMIUM=/usr/bin/chromium PAGE_TOOLS=DIR node tests/page/browser.mjs http://127.0.0.1:8077
// PAGE_TOOLS is a directory with the npm packages puppeteer-core and axe-core. SHOTS=DIR keeps pictures of every view.
// RESTART=… is a command that restarts the daemon: then it is measured how soon the page lives again.
// TOKEN=… is that of [web]: then readings are entered, too (never beside a real journal).
// Exit code 1: something was found; each finding is a line.

import { createRequire } from "node:module";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const base = process.argv[2];
if (!base) {
  console.error("usage: node browser.mjs BASE_URL");
  process.exit(2);
}
const require = createRequire(join(process.env.PAGE_TOOLS ?? process.cwd(), "x.js"));
const puppeteer = require("puppeteer-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

const findings = [];
const found = (where, what) => {
  findings.push(`${where}: ${what}`);
  console.log(`✖ ${where}: ${what}`);
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits for a condition in the page, with a deadline. */
async function until(page, where, what, condition, ...args) {
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    if (await page.evaluate(condition, ...args)) return true;
    await pause(50);
  }
  found(where, `not within 10 s: ${what}`);
  return false;
}

const SIZES = { phone: { width: 390, height: 844, deviceScaleFactor: 2, isMobile: true, hasTouch: true }, wide: { width: 1440, height: 900 } };
const VIEWS = ["/", "/energy", "/energy/week", "/energy/month", "/energy/year", "/energy/total", "/history", "/meters", "/health"];

const browser = await puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A page that notes what must not be. */
async function open(size, theme = "light", more = []) {
  const page = await browser.newPage();
  await page.setViewport(SIZES[size]);
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: theme }, ...more]);
  await page.evaluateOnNewDocument(() => {
    window.seen = { shift: 0, shifts: [], csp: [], streams: [] };
    addEventListener("securitypolicyviolation", (event) => window.seen.csp.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.seen.shift += entry.value;
        window.seen.shifts.push(`${entry.value.toFixed(4)} ${entry.sources.map((source) => source.node?.id || source.node?.className || source.node?.nodeName).join(" ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
    const Source = window.EventSource;
    window.EventSource = class extends Source {
      constructor(...all) {
        super(...all);
        window.seen.streams.push(this);
      }
    };
  });
  page.where = size;
  page.on("console", (message) => ["error", "warn", "warning"].includes(message.type()) && found(page.where, `console: ${message.text()} ${message.location()?.url ?? ""}`));
  page.on("pageerror", (error) => found(page.where, `error: ${error.message} ${error.stack?.split("\n")[1] ?? ""}`));
  return page;
}

/** The view is there when the stream lives and its main part is filled. */
async function settled(page, where) {
  await until(page, where, "live", () => document.querySelector("#live")?.classList.contains("is-live"));
  await until(page, where, "filled", () => [...document.querySelectorAll("main")].find((main) => !main.hidden)?.querySelector(".tiles, .bars rect, canvas, .meter, .sums, .empty, .problem, .card p"));
  await pause(500);
}

async function checks(page, where) {
  const seen = await page.evaluate(() => ({ ...window.seen, streams: 0, wide: document.documentElement.scrollWidth - document.documentElement.clientWidth }));
  if (seen.csp.length > 0) found(where, `CSP: ${seen.csp.join(", ")}`);
  if (seen.shift > 0.005) found(where, `layout shift ${seen.shift.toFixed(4)}: ${seen.shifts.join("; ")}`);
  if (seen.wide > 0) found(where, `${seen.wide} px wider than the window`);
}

async function accessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  for (const violation of violations) found(where, `axe ${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary?.split("\n")[1]?.trim() ?? ""}`).join("; ")}`);
}

/** Every view, both sizes, both themes. */
async function walk() {
  for (const size of Object.keys(SIZES)) {
    for (const theme of ["light", "dark"]) {
      const page = await open(size, theme);
      for (const view of VIEWS) {
        const where = `${size} ${theme} ${view}`;
        page.where = where;
        await page.goto(base + view, { waitUntil: "domcontentloaded" });
        await settled(page, where);
        await checks(page, where);
        if (theme === "light" || view === "/") await accessible(page, where);
        if (shots) await page.screenshot({ path: join(shots, `${size}-${theme}${view.replaceAll("/", "_")}.png`), fullPage: true });
      }
      await page.close();
    }
  }
}

const at = (page) => page.evaluate(() => location.pathname + location.search);

async function expectAt(page, key, wanted) {
  await page.keyboard.press(key);
  const ok = await until(page, `key ${key}`, `at ${wanted}`, (pattern) => new RegExp(pattern).test(location.pathname + location.search), wanted.source);
  if (!ok) console.log(`  is at ${await at(page)}`);
}

async function keys() {
  const page = await open("wide");
  page.where = "keys";
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "keys");
  await expectAt(page, "2", /^\/energy$/);
  await until(page, "keys", "a period", () => document.querySelector("#view-energy .bars text"));
  await expectAt(page, "ArrowLeft", /^\/energy\/day\/\d{4}-\d\d-\d\d/);
  const yesterday = await at(page);
  await page.reload({ waitUntil: "domcontentloaded" });
  await settled(page, "keys");
  if ((await at(page)) !== yesterday) found("keys", "a reload shows something else");
  await expectAt(page, "w", /^\/energy\/week/);
  await expectAt(page, "m", /^\/energy\/month/);
  await expectAt(page, "c", /compare=year/);
  await expectAt(page, "c", /compare=off/);
  await expectAt(page, "c", /^\/energy\/month[^?]*$/);
  await expectAt(page, "y", /^\/energy\/year/);
  await expectAt(page, "a", /^\/energy\/total/);
  await page.goBack();
  await until(page, "keys", "back", () => location.pathname.startsWith("/energy/year"));
  await expectAt(page, "d", /^\/energy(\/day.*)?$/);
  await expectAt(page, "t", /^\/energy$/);
  await until(page, "keys", "bars", () => document.querySelector("#view-energy .bars text") && !document.querySelector("#view-energy [aria-busy]"));
  await page.focus("#view-energy figure");
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowRight");
  await until(page, "keys", "the reading of a bar", () => /01:00/.test(document.querySelector("#view-energy .reading")?.textContent ?? ""));
  await until(page, "keys", "it is spoken", () => /01:00/.test(document.querySelector("#said")?.textContent ?? ""));
  await expectAt(page, "Enter", /^\/history\?from=/);
  await until(page, "keys", "a chart", () => document.querySelector(".history-plot canvas"));
  await page.focus("#view-history figure");
  await page.keyboard.press("End");
  await page.keyboard.press("ArrowLeft");
  await until(page, "keys", "the reading of a point", () => /\d\d:\d\d:\d\d/.test(document.querySelector("#view-history .reading")?.textContent ?? ""));
  await page.evaluate(() => document.activeElement.blur());
  const before = await at(page);
  await page.keyboard.press("-");
  await until(page, "keys", "zoomed out", (before) => location.search !== new URL(before, location.origin).search, before);
  await expectAt(page, "e", /as=energy/);
  await expectAt(page, "4", /^\/meters$/);
  await expectAt(page, "5", /^\/health$/);
  await expectAt(page, "3", /^\/history/);
  await expectAt(page, "1", /^\/$/);
  await page.keyboard.press("s");
  await until(page, "keys", "the state is said", () => /\d/.test(document.querySelector("#said")?.textContent ?? ""));
  const client = await page.createCDPSession();
  await client.send("Page.enable");
  await client.send("Page.setDownloadBehavior", { behavior: "deny" });
  let csv = "";
  client.on("Page.downloadWillBegin", (event) => (csv = event.url));
  await page.keyboard.press("x");
  for (let n = 0; n < 100 && csv === ""; n += 1) await pause(50);
  if (!csv.includes(".csv")) found("keys", `x loads ${csv || "nothing"}`);
  await page.keyboard.press("?");
  await until(page, "keys", "the list", () => document.querySelector("#keys").open);
  await accessible(page, "the list of keys");
  await page.keyboard.press("Escape");
  await until(page, "keys", "the list is gone", () => !document.querySelector("#keys").open);
  await checks(page, "keys");
  await page.close();
}

/** The table says what the bars show. */
async function tables() {
  const page = await open("wide");
  page.where = "tables";
  for (const [view, rows] of [["/energy/year", 12], ["/energy/week", 7]]) {
    await page.goto(base + view, { waitUntil: "domcontentloaded" });
    await settled(page, view);
    await page.click("#view-energy button[aria-pressed=false].button");
    await until(page, view, `${rows} rows`, (rows) => document.querySelectorAll("#view-energy tbody tr").length === rows, rows);
  }
  await accessible(page, "table");
  await page.goto(`${base}/history`, { waitUntil: "domcontentloaded" });
  await settled(page, "history table");
  await page.evaluate(() => document.querySelectorAll("#view-history .history-head button")[1].click());
  await until(page, "history table", "at most 48 rows", () => {
    const n = document.querySelectorAll("#view-history tbody tr").length;
    return n > 0 && n <= 48;
  });
  await page.close();
}

/** No stream while the page is hidden, one when it is seen again. */
async function hidden() {
  const page = await open("phone");
  page.where = "hidden";
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "hidden");
  const become = (state) => page.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  const alive = () => page.evaluate(() => window.seen.streams.filter((stream) => stream.readyState !== 2).length);
  if ((await alive()) !== 1) found("hidden", `${await alive()} streams are open`);
  await become("hidden");
  if ((await alive()) !== 0) found("hidden", "a stream is open while the page is hidden");
  await become("visible");
  const start = Date.now();
  await until(page, "hidden", "live again", () => document.querySelector("#live").classList.contains("is-live"));
  if (Date.now() - start > 1_000) found("hidden", `live only after ${Date.now() - start} ms`);
  if ((await alive()) !== 1) found("hidden", `${await alive()} streams are open after it`);
  await page.close();
}

/** Fingers: along the period's bar, on a chart, two of them. */
async function touch() {
  const page = await open("phone");
  page.where = "touch";
  const client = await page.createCDPSession();
  const fire = (type, points) => client.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const move = async (...steps) => {
    await fire("touchStart", steps[0]);
    for (const step of steps.slice(1)) {
      await fire("touchMove", step);
      await pause(20);
    }
    await fire("touchEnd", []);
  };
  const boxOf = (selector) => page.evaluate((selector) => {
    const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
    return { x, y, width, height };
  }, selector);
  await page.goto(`${base}/energy/week`, { waitUntil: "domcontentloaded" });
  await settled(page, "touch");
  const bar = await boxOf(".pager");
  const y = bar.y + bar.height / 2;
  await move([[120, y]], [[180, y]], [[240, y]], [[290, y]]);
  await until(page, "touch", "a swipe goes to the week before", () => /^\/energy\/week\/\d{4}-W\d\d/.test(location.pathname));
  await page.goto(`${base}/history`, { waitUntil: "domcontentloaded" });
  await settled(page, "touch");
  await until(page, "touch", "a chart", () => document.querySelector(".u-over"));
  const over = await boxOf(".u-over");
  const middle = over.y + over.height / 2;
  await move([[over.x + 100, middle]], [[over.x + 120, middle]], [[over.x + 160, middle]]);
  await until(page, "touch", "a finger reads", () => /\d\d:\d\d/.test(document.querySelector("#view-history .reading").textContent));
  const two = (apart) => [[over.x + over.width / 2 - apart, middle], [over.x + over.width / 2 + apart, middle]];
  await move(two(40), two(60), two(80), two(110));
  await until(page, "touch", "two fingers zoom", () => {
    const asked = new URLSearchParams(location.search);
    const seconds = (Date.parse(asked.get("to")) - Date.parse(asked.get("from"))) / 1000;
    return seconds > 3600 && seconds < 60_000;
  });
  await checks(page, "touch");
  await page.close();
}

/** What the stream tells is added to what is shown: nothing is asked for again. */
async function appended() {
  const page = await open("wide");
  page.where = "appended";
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "appended");
  await until(page, "appended", "all charts", () => document.querySelector(".area-chart path") && document.querySelectorAll("#view-now .bars rect").length > 0 && document.querySelector(".spark path")?.getAttribute("d"));
  const asked = [];
  page.on("request", (request) => /\/api\/v1\/(history|energy)/.test(request.url()) && asked.push(request.url()));
  const drawn = () => page.evaluate(() => [...document.querySelectorAll("#view-now .spark path")].map((path) => path.getAttribute("d")).join());
  const before = await drawn();
  const start = Date.now();
  while ((await drawn()) === before && Date.now() - start < 75_000) await pause(250);
  if ((await drawn()) === before) found("appended", "no minute came within 75 s");
  if (asked.length > 0) found("appended", `asked for ${asked.join(", ")}`);
  // Another view and back: what was told meanwhile is there.
  await page.keyboard.press("5");
  await until(page, "appended", "health", () => !document.querySelector("#view-health").hidden);
  await page.keyboard.press("1");
  await until(page, "appended", "now", () => !document.querySelector("#view-now").hidden);
  await pause(500);
  if (asked.length > 0) found("appended", `asked for ${asked.join(", ")} on the way back`);
  await checks(page, "appended");
  await page.close();
}

/** The daemon is restarted: the page lives within a second of its return. */
async function restart() {
  if (!process.env.RESTART) return;
  const page = await open("wide");
  page.removeAllListeners("console");
  page.where = "restart";
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "restart");
  const isLive = () => page.evaluate(() => document.querySelector("#live").classList.contains("is-live"));
  for (let n = 0; n < 3; n += 1) {
    const done = new Promise((resolve) => execFile("sh", ["-c", process.env.RESTART], resolve));
    await until(page, "restart", "the stream is over", () => !document.querySelector("#live").classList.contains("is-live"));
    const answers = () => fetch(`${base}/livez`).then((response) => response.ok, () => false);
    const end = Date.now() + 20_000;
    while (!(await answers()) && Date.now() < end) await pause(10);
    const back = Date.now();
    while (!(await isLive()) && Date.now() < end) await pause(10);
    const ms = Date.now() - back;
    console.log(`  live ${ms} ms after the daemon`);
    if (ms > 1_000) found("restart", `live only ${ms} ms after the daemon is back`);
    await done;
    await pause(1_500);
  }
  await checks(page, "restart");
  await page.close();
}

/** A reading is entered with the token, which is asked for once, and taken back. */
async function readings() {
  if (!process.env.TOKEN) return;
  for (const [size, theme] of [["phone", "light"], ["wide", "dark"]]) {
    const page = await open(size, theme);
    page.where = "readings";
    // What is refused is told, and no error of ours.
    page.removeAllListeners("console");
    await page.goto(`${base}/meters`, { waitUntil: "domcontentloaded" });
    await settled(page, "readings");
    const form = () => page.waitForSelector(".reading-form", { timeout: 5_000 });
    const type = async (name, text) => {
      await page.$eval(`.reading-form [name=${name}]`, (input) => (input.value = ""));
      await page.type(`.reading-form [name=${name}]`, text);
    };
    const press = async (selector) => {
      // Not behind the tabs.
      await page.$eval(selector, (button) => button.scrollIntoView({ block: "center" }));
      await page.click(selector);
    };
    const keep = (pattern) => press(".reading-form .primary").then(() => until(page, "readings", `it says ${pattern}`, (pattern) => new RegExp(pattern).test(document.querySelector(".reading-form .note:not(.token *)")?.textContent ?? ""), pattern.source));
    await press(".reading-place .button");
    await form();
    if (!(await page.evaluate(() => document.activeElement?.matches(".face-input")))) found("readings", "the face has not the focus");
    await type("kwh", "12345,6");
    await type("token", "wrong");
    await keep(/▲ The token is missing or wrong/);
    await type("token", process.env.TOKEN);
    await keep(/✓/);
    if (await page.$eval(".reading-form .token", (asked) => !asked.hidden)) found("readings", "the token is asked for again");
    await accessible(page, "readings");
    await checks(page, "readings");
    await type("kwh", "99");
    await press(".reading-form [value=adopt]");
    await keep(/▲ 99\.0 kWh on the face/);
    if ((await page.$eval(".reading-form .primary", (button) => button.textContent)) !== "Keep all the same") found("readings", "it cannot be kept all the same");
    if (shots) await page.screenshot({ path: join(shots, `reading-${size}-${theme}.png`), fullPage: true });
    await press(".reading-form p.row .button");
    await until(page, "readings", "it is taken back", () => /✓ The reading of .* is taken back/.test(document.querySelector(".reading-form")?.textContent ?? ""));
    // The token is in memory alone.
    const kept = await page.evaluate(() => JSON.stringify([Object.values(localStorage), Object.values(sessionStorage), document.cookie]));
    if (kept.includes(process.env.TOKEN)) found("readings", "the token is kept where that was not asked for");
    await press(".reading-form .row .button:not(.primary)");
    await until(page, "readings", "the form is closed", () => !document.querySelector(".reading-form"));
    await page.close();
  }
}

/** What some need: no motion, more contrast, forced colours, large text, paper; the other language. */
async function needs() {
  const still = await open("phone", "light", [{ name: "prefers-reduced-motion", value: "reduce" }]);
  still.where = "reduced motion";
  await still.goto(base, { waitUntil: "domcontentloaded" });
  await settled(still, "reduced motion");
  const moving = await still.evaluate(() => document.getAnimations().length + [...document.querySelectorAll("*")].filter((one) => getComputedStyle(one).transitionDuration !== "0s").length);
  if (moving > 0) found("reduced motion", `${moving} elements may move`);
  await still.close();
  for (const theme of ["light", "dark"]) {
    const where = `more contrast ${theme}`;
    const page = await open("phone", theme);
    // Puppeteer does not know this feature.
    const client = await page.createCDPSession();
    const ask = (value) => client.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: theme }, { name: "prefers-contrast", value }] });
    page.where = where;
    await page.goto(base, { waitUntil: "domcontentloaded" });
    await settled(page, where);
    const lowest = {};
    for (const value of ["no-preference", "more"]) {
      await ask(value);
      if ((await page.evaluate(() => matchMedia("(prefers-contrast: more)").matches)) !== (value === "more")) found(where, "it is not emulated");
      lowest[value] = await page.evaluate(contrasts);
    }
    // All text as WCAG's AAA asks; a border tells where each card ends.
    if (lowest.more.text < 7) found(where, `text of ${lowest.more.text.toFixed(2)}: ${lowest.more.of}`);
    if (lowest.more.border < 3) found(where, `a card's border of ${lowest.more.border.toFixed(2)}`);
    if (lowest.more.text <= lowest["no-preference"].text) found(where, "it makes no difference");
    await checks(page, where);
    await accessible(page, where);
    if (shots) await page.screenshot({ path: join(shots, `more-contrast-${theme}.png`), fullPage: true });
    await page.close();
  }
  const page = await open("wide");
  page.where = "forced colours";
  const client = await page.createCDPSession();
  await client.send("Emulation.setEmulatedMedia", { features: [{ name: "forced-colors", value: "active" }] });
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "forced colours");
  if (shots) await page.screenshot({ path: join(shots, "forced-colours.png"), fullPage: true });
  await client.send("Emulation.setEmulatedMedia", { features: [], media: "print" });
  if (shots) await page.screenshot({ path: join(shots, "print.png"), fullPage: true });
  await client.send("Emulation.setEmulatedMedia", { features: [], media: "" });
  await page.setViewport({ width: 320, height: 640 });
  for (const view of VIEWS) {
    page.where = `320 px ${view}`;
    await page.goto(base + view, { waitUntil: "domcontentloaded" });
    await settled(page, page.where);
    await checks(page, page.where);
  }
  await page.setViewport(SIZES.phone);
  page.where = "German";
  await page.evaluate(() => localStorage.setItem("powerlogger.language", "de"));
  for (const view of VIEWS) {
    page.where = `German ${view}`;
    await page.goto(base + view, { waitUntil: "domcontentloaded" });
    await settled(page, page.where);
    await checks(page, page.where);
  }
  if ((await page.evaluate(() => document.documentElement.lang)) !== "de") found("German", "the document is not marked");
  await accessible(page, "German");
  await page.close();
}

/** The least contrast of text and of a card's border, as it is drawn. Runs in the page. */
function contrasts() {
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = (colour) => colour.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let [text, of] = [21, ""];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!hasText || box.width <= 1 || box.height <= 1 || element.closest("[hidden], .hidden, .part, dialog, :disabled")) continue;
    const style = getComputedStyle(element);
    const isSvg = element instanceof SVGElement;
    const is = ratio(rgb(isSvg ? style.fill : style.color), ground(element));
    if (is < text) [text, of] = [is, `${element.className.baseVal ?? element.className} "${element.textContent.trim().slice(0, 30)}"`];
  }
  const card = [...document.querySelectorAll(".card")].find((one) => one.getBoundingClientRect().width > 0);
  return { text, of, border: ratio(rgb(getComputedStyle(card).borderTopColor), ground(card.parentElement)) };
}

/** Zooming, panning and going between views for a while leaves nothing behind. */
async function leaks() {
  const page = await open("wide");
  page.where = "leaks";
  await page.goto(base, { waitUntil: "domcontentloaded" });
  await settled(page, "leaks");
  const client = await page.createCDPSession();
  const round = async () => {
    for (const key of ["3", "+", "+", "-", "ArrowLeft", "2", "w", "m", "1", "5", "4", "1"]) {
      await page.keyboard.press(key);
      await pause(120);
    }
    await client.send("HeapProfiler.collectGarbage");
    const { nodes, documents } = await client.send("Memory.getDOMCounters");
    return { nodes, documents };
  };
  await round();
  await round();
  const first = await round();
  for (let n = 0; n < 6; n += 1) await round();
  const last = await round();
  if (last.nodes > first.nodes * 1.3 + 500) found("leaks", `${first.nodes} nodes became ${last.nodes}`);
  await page.close();
}

const parts = { walk, keys, tables, hidden, touch, appended, restart, readings, needs, leaks };
const wanted = process.argv.slice(3);
for (const [name, part] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const start = Date.now();
  await part().catch((failed) => found(name, failed.stack));
  console.log(`${name}: ${((Date.now() - start) / 1000).toFixed(0)} s`);
}
await browser.close();
console.log(findings.length === 0 ? "✓ nothing found" : `${findings.length} found`);
process.exit(findings.length === 0 ? 0 : 1);

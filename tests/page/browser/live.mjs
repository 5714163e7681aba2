// The stream: power moves with the pulses, without a question; a hidden page has none; a restarted daemon is heard again; minutes are added.

import { checks, found, open, quiet, until, untilHere, visit } from "./tab.mjs";

const isLive = () => document.querySelector("#live").classList.contains("is-live");
const alive = (tab) => tab.evaluate(() => window.seen.streams.filter((stream) => stream.readyState !== 2).length);

/** A pulse is told, and shown in the next frames; nothing is asked for. How soon is printed. */
export async function pulse({ browser, base }) {
  const tab = await open(browser, "phone", { where: "pulse" });
  await visit(tab, base);
  const asked = [];
  tab.on("Network.requestWillBeSent", ({ request }) => asked.push(request.url));
  let seen = await pulses(tab);
  // Once each meter has given two pulses, the house is known, and the reason why it was not leaves: that is no shift by a pulse.
  for (let n = 0; seen.isOther && n < 3; n += 1) {
    await tab.evaluate(() => Object.assign(window.seen, { shift: 0, shifts: [] }));
    seen = await pulses(tab);
  }
  console.log(`measured: from a pulse to what is seen of it: ${seen.delays.join(", ")} ms`);
  if (seen.changed < Math.min(2, seen.due)) found("pulse", `${seen.delays.length} states with new pulses and ${seen.due} other powers changed what is seen ${seen.changed} times`);
  if (asked.length > 0) found("pulse", `asked for ${asked.join(", ")}`);
  await checks(tab);
  await tab.close();
}

/** Where a busy machine brings states together, they are seen as one: so many are waited for at most. */
const STATES_MAX = 80;

/** Eight states that bring pulses, or more until enough is seen of them: how long each took, and how many changed what is seen. */
function pulses(tab) {
  return tab.evaluate(async (most) => {
    const source = window.seen.streams.find((stream) => stream.readyState !== 2);
    const shown = () => document.querySelector("#view-now").textContent;
    const pulses = (now) => now.meters.reduce((sum, meter) => sum + meter.pulses, 0);
    const reasons = new Set();
    // Where power stays as it is, to the digits that are shown, a pulse changes nothing.
    const watts = (now) => now.meters.map(({ power_w: w }) => (w === null ? "" : Math.round(w / (w < 950 ? 1 : w < 9_900 ? 10 : 100)))).join();
    let [due, shownW] = [0, ""];
    let [last, before, delays, changed] = [null, shown(), [], 0];
    await new Promise((resolve) => source.addEventListener("now", ({ data }) => {
      const now = JSON.parse(data);
      reasons.add(now.flow.why);
      const came = last !== null && pulses(now) > last;
      last = pulses(now);
      if (!came) return;
      if (shownW !== "" && shownW !== watts(now)) due += 1;
      shownW = watts(now);
      const at = Math.max(...now.meters.map((meter) => Date.parse(meter.last_pulse ?? 0)));
      requestAnimationFrame(() => requestAnimationFrame(() => {
        delays.push(Date.now() - at);
        if (shown() !== before) changed += 1;
        before = shown();
        if (delays.length >= most || (delays.length >= 8 && changed >= Math.min(2, due))) resolve();
      }));
    }));
    return { delays, changed, due, isOther: reasons.size > 1 };
  }, STATES_MAX);
}

/** No stream while the page is hidden, one when it is seen again. */
export async function hidden({ browser, base }) {
  const tab = await open(browser, "phone", { where: "hidden" });
  await visit(tab, base);
  const become = (state) => tab.evaluate((state) => {
    Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, state);
  if ((await alive(tab)) !== 1) found("hidden", `${await alive(tab)} streams are open`);
  await become("hidden");
  if ((await alive(tab)) !== 0) found("hidden", "a stream is open while the page is hidden");
  const start = Date.now();
  await become("visible");
  await until(tab, "live again", isLive);
  console.log(`measured: live ${Date.now() - start} ms after it is seen again`);
  if ((await alive(tab)) !== 1) found("hidden", `${await alive(tab)} streams are open after it`);
  await checks(tab);
  await tab.close();
}

/** What the stream tells is added to what is shown: nothing is asked for again. */
export async function appended({ browser, base }) {
  const tab = await open(browser, "wide", { where: "appended" });
  await visit(tab, base);
  await until(tab, "all charts", () => document.querySelector(".area-chart path") && document.querySelectorAll("#view-now .bars rect").length > 0 && document.querySelector(".spark path")?.getAttribute("d"));
  const asked = [];
  tab.on("Network.requestWillBeSent", ({ request }) => /\/api\/v1\/(history|energy)/.test(request.url) && asked.push(request.url));
  // Where a minute has ended between the first answers and the begin of the stream, all is asked for again with the first that is told;
  // and once more where time goes so fast that one ended before those answers came.
  for (let n = 0, before = -1; n < 3 && asked.length > before; n += 1) {
    before = asked.length;
    await told(tab);
  }
  asked.length = 0;
  await until(tab, "a minute is added", () => {
    const drawn = [...document.querySelectorAll("#view-now .spark path")].map((path) => path.getAttribute("d")).join();
    window.drawn ??= drawn;
    return drawn !== window.drawn;
  });
  if (asked.length > 0) found("appended", `asked for ${asked.join(", ")}`);
  // Another view and back: what was told meanwhile is there.
  await tab.press("5");
  await until(tab, "health", () => !document.querySelector("#view-health").hidden);
  await tab.press("1");
  await until(tab, "now", () => !document.querySelector("#view-now").hidden);
  await quiet(tab);
  if (asked.length > 0) found("appended", `asked for ${asked.join(", ")} on the way back`);
  await checks(tab);
  await tab.close();
}

/** The stream tells the next minute, and all that comes of it is drawn. */
async function told(tab) {
  await tab.evaluate(async () => {
    const source = window.seen.streams.find((stream) => stream.readyState !== 2);
    await new Promise((resolve) => source.addEventListener("minute", resolve, { once: true }));
    // It is drawn, or all is asked for, after 100 ms.
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  await quiet(tab);
}

/** The daemon stops: what is shown is told to be old, and stays. It comes back: the page is alive, and no reload was needed. */
export async function restart({ browser, base, ask }) {
  const tab = await open(browser, "wide", { where: "restart", isQuiet: true });
  await visit(tab, base);
  for (let n = 0; n < 3; n += 1) {
    await ask("stop");
    await until(tab, "the stream is over", () => !document.querySelector("#live").classList.contains("is-live"));
    await until(tab, "the last value's time", () => /last value \d\d:\d\d:\d\d/.test(document.querySelector("#live").textContent));
    const kept = await tab.evaluate(() => document.querySelectorAll("#view-now .tiles .tile").length);
    if (kept === 0) found("restart", "what was shown is gone");
    await ask("start");
    const answers = () => fetch(`${base}/livez`).then((response) => response.ok, () => false);
    await untilHere("restart", "the daemon answers", answers);
    const back = Date.now();
    await until(tab, "live again", isLive);
    console.log(`measured: live ${Date.now() - back} ms after the daemon answers`);
    await until(tab, `${n + 2} starts in Health's numbers`, async (starts) => (await (await fetch("/api/v1/status")).json()).journal_opened === starts, n + 2);
    const loads = await tab.evaluate(() => performance.getEntriesByType("navigation").length);
    if (loads !== 1 || (await alive(tab)) !== 1) found("restart", `${loads} loads, ${await alive(tab)} streams`);
    // Each for itself: a shift is what one of them moves.
    await checks(tab);
    await tab.evaluate(() => Object.assign(window.seen, { shift: 0, shifts: [] }));
  }
  await tab.close();
}

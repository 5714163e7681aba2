// What users of other pages complain about, where only a browser can show that it is not so here (the table of all is in
// docs/development/testing.md).

import { checks, found, open, quiet, until, visit } from "./tab.mjs";

/** A bar beside the period before: both dates in words, each once, no bar over another one. */
export async function compared({ browser, base }) {
  const tab = await open(browser, "wide", { where: "compared" });
  for (const [view, least] of [["/energy/month/2026-06", 28], ["/energy/month/2026-06?compare=year", 28], ["/energy/week/2026-W24", 7], ["/energy/year/2026", 12]]) {
    await visit(tab, base + view, `compared ${view}`);
    await tab.focus("#view-energy figure");
    await tab.press("Home");
    const dates = [];
    for (let n = 0; n < least; n += 1) {
      const said = await tab.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        return document.querySelector("#view-energy .reading").textContent;
      });
      dates.push(said.match(/(?:\d+ )?[A-Z][a-z]+ 20\d\d/g) ?? []);
      await tab.press("ArrowRight");
    }
    const own = dates.map(([date]) => date);
    const others = dates.map(([, date]) => date);
    if (dates.some((two) => two.length !== 2)) found(tab.where, `not two dates: ${JSON.stringify(dates.find((two) => two.length !== 2))}`);
    if (new Set(own).size !== own.length) found(tab.where, `a date is told twice: ${own}`);
    if (new Set(others).size !== others.length) found(tab.where, `a date is compared with twice: ${others}`);
    if (own.some((date) => others.includes(date))) found(tab.where, "a date is compared with itself");
    const over = await tab.evaluate(() => {
      const number = (bar, name) => Number(bar.getAttribute(name));
      const bars = [...document.querySelectorAll("#view-energy .bars rect.fill, #view-energy .bars rect.ghost")];
      return bars.filter((a) => bars.some((b) => a !== b && number(a, "x") < number(b, "x") && number(a, "x") + number(a, "width") > number(b, "x") + 0.2)).length;
    });
    if (over > 0) found(tab.where, `${over} bars lie over others`);
  }
  await checks(tab);
  await tab.close();
}

/** Meters that disagree: no bar below zero that is not the export, nothing that is no number, and it is said. */
export async function negative({ browser, base }) {
  const tab = await open(browser, "wide", { where: "negative", isQuiet: true });
  const change = (answer) => {
    if (!answer?.self_wh) return answer;
    answer.self_wh = answer.self_wh.map((wh, n) => (n % 2 ? -500 : wh));
    answer.house_wh = answer.house_wh.map((wh, n) => (n % 3 ? -200 : wh));
    Object.assign(answer.derived, { house_wh: -1_200, self_wh: -800, autarky: -0.4, self_rate: 1.7, meters_disagree: true });
    return answer;
  };
  await tab.send("Page.addScriptToEvaluateOnNewDocument", { source: `(${(change) => {
    const { json } = Response.prototype;
    Response.prototype.json = async function () {
      return change(await json.call(this));
    };
  }})(${change})` });
  await visit(tab, `${base}/energy/day/2026-06-20`);
  await until(tab, "it is said", () => /The meters disagree/.test(document.querySelector("#view-energy .notes").textContent));
  const seen = await tab.evaluate(() => {
    const labels = [...document.querySelectorAll("#view-energy .bars text")];
    const zero = Number(labels.find((text) => text.textContent === "0")?.getAttribute("y"));
    const wrong = [...document.querySelectorAll("#view-energy .bars rect")].filter((bar) => ["x", "y", "width", "height"].some((name) => !(Number(bar.getAttribute(name)) >= 0)));
    const selves = [...document.querySelectorAll("#view-energy .bars rect.fill.self")].filter((bar) => Number(bar.getAttribute("y")) > zero);
    return { wrong: wrong.length, below: selves.length, head: document.querySelector("#view-energy .headline").textContent };
  });
  if (seen.wrong > 0) found(tab.where, `${seen.wrong} bars of no size`);
  if (seen.below > 0) found(tab.where, `${seen.below} bars of self-consumption are below zero`);
  if (/[-\u2212]\d/.test(seen.head)) found(tab.where, `the headline says ${seen.head}`);
  await checks(tab);
  await tab.close();
}

/** Values come: charts whose numbers are the same are not drawn again, and nothing moves without an end. */
export async function still({ browser, base }) {
  const tab = await open(browser, "phone", { where: "still" });
  await visit(tab, base);
  await until(tab, "charts", () => document.querySelector("#view-now .bars rect") && document.querySelector(".area-chart path"));
  await quiet(tab);
  const seen = await tab.evaluate(async () => {
    let drawn = 0;
    let minutes = 0;
    const observer = new MutationObserver((changes) => (drawn += changes.length));
    const source = window.seen.streams.find((stream) => stream.readyState !== 2);
    source.addEventListener("minute", () => (minutes += 1));
    // A minute that was told just before is drawn 100 ms after it, or once what is asked for it has come: by then.
    await new Promise((resolve) => setTimeout(resolve, 200));
    for (let n = 0; n < 3; n = window.seen.pending > 0 ? 0 : n + 1) await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    for (const place of document.querySelectorAll("#view-now .chart-place")) observer.observe(place, { childList: true, subtree: true, attributes: true, characterData: true });
    await new Promise((resolve) => {
      let n = 0;
      source.addEventListener("now", () => (n += 1) >= 6 && resolve());
    });
    observer.disconnect();
    const moving = document.getAnimations().filter((one) => one.effect?.getTiming().iterations === Infinity);
    return { drawn, minutes, moving: moving.length };
  });
  // A minute that has ended is added to them, as it must.
  if (seen.minutes === 0 && seen.drawn > 0) found(tab.where, `${seen.drawn} changes of charts for values alone`);
  if (seen.moving > 0) found(tab.where, `${seen.moving} animations have no end`);
  await tab.close();
}

/** The first numbers after two round trips: they are asked for by the document itself, once, and not by a script that was waited for. */
export async function start({ browser, base }) {
  const tab = await open(browser, "phone", { where: "start" });
  await visit(tab, base);
  const asked = await tab.evaluate(() => performance.getEntriesByType("resource").map(({ name, initiatorType, startTime, responseEnd }) => ({ name: new URL(name).pathname, by: initiatorType, startTime, responseEnd })));
  const now = asked.filter(({ name }) => name === "/api/v1/now");
  const app = asked.find(({ name }) => name.endsWith("/js/app.js"));
  if (now.length !== 1 || now[0].by !== "link") found(tab.where, `the state is asked for ${JSON.stringify(now)}`);
  else if (now[0].startTime > app.responseEnd) found(tab.where, "the state is asked for after the script has come");
  if (asked.some(({ name }) => /vendor|views\/(history|meters|health|energy)/.test(name))) found(tab.where, "code comes that is not needed yet");
  await tab.close();
}

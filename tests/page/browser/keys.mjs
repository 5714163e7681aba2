// Keys, and fingers: periods, zoom, reading a chart, the list of keys, the CSV of what is shown.

import { checks, found, open, until, untilHere, visit } from "./tab.mjs";

const at = (tab) => tab.evaluate(() => location.pathname + location.search);

async function leadsTo(tab, key, wanted) {
  await tab.press(key);
  const ok = await until(tab, `key ${key}: at ${wanted}`, (pattern) => new RegExp(pattern).test(location.pathname + location.search), wanted.source);
  if (!ok) console.log(`  is at ${await at(tab)}`);
}

export async function keys({ browser, base }) {
  const tab = await open(browser, "wide", { where: "keys" });
  await visit(tab, base);
  await leadsTo(tab, "2", /^\/energy$/);
  await until(tab, "a period", () => document.querySelector("#view-energy .bars text"));
  await leadsTo(tab, "ArrowLeft", /^\/energy\/day\/\d{4}-\d\d-\d\d/);
  const yesterday = await at(tab);
  await tab.reload();
  await until(tab, "bars after the reload", () => document.querySelector("#view-energy .bars text"));
  if ((await at(tab)) !== yesterday) found("keys", "a reload shows something else");
  await leadsTo(tab, "w", /^\/energy\/week/);
  await leadsTo(tab, "m", /^\/energy\/month/);
  await leadsTo(tab, "c", /compare=year/);
  await leadsTo(tab, "c", /compare=off/);
  await leadsTo(tab, "c", /^\/energy\/month[^?]*$/);
  await leadsTo(tab, "y", /^\/energy\/year/);
  await leadsTo(tab, "a", /^\/energy\/total/);
  await tab.evaluate(() => history.back());
  await until(tab, "back", () => location.pathname.startsWith("/energy/year"));
  await leadsTo(tab, "d", /^\/energy(\/day.*)?$/);
  await leadsTo(tab, "t", /^\/energy$/);
  await until(tab, "today's bars", () => document.querySelectorAll("#view-energy .bars rect").length > 1 && !document.querySelector("#view-energy [aria-busy=true]"));
  await tab.focus("#view-energy figure");
  await tab.press("Home");
  await tab.press("ArrowRight");
  await until(tab, "the reading of a bar", () => /01:00/.test(document.querySelector("#view-energy .reading")?.textContent ?? ""));
  await until(tab, "it is spoken", () => /01:00/.test(document.querySelector("#said")?.textContent ?? ""));
  await leadsTo(tab, "Enter", /^\/history\?from=/);
  await until(tab, "a chart", () => document.querySelector(".history-plot canvas"));
  await tab.focus("#view-history figure");
  await tab.press("End");
  await tab.press("ArrowLeft");
  await until(tab, "the reading of a point", () => /\d\d:\d\d:\d\d/.test(document.querySelector("#view-history .reading")?.textContent ?? ""));
  await tab.evaluate(() => document.activeElement.blur());
  const before = await at(tab);
  await tab.press("-");
  await until(tab, "zoomed out", (before) => location.search !== new URL(before, location.origin).search, before);
  await leadsTo(tab, "e", /as=energy/);
  await leadsTo(tab, "4", /^\/meters$/);
  await leadsTo(tab, "5", /^\/health$/);
  await leadsTo(tab, "3", /^\/history/);
  await leadsTo(tab, "1", /^\/$/);
  await tab.press("s");
  await until(tab, "the state is said", () => /\d/.test(document.querySelector("#said")?.textContent ?? ""));
  let csv = "";
  tab.on("Page.downloadWillBegin", (event) => (csv = event.url));
  await tab.send("Page.setDownloadBehavior", { behavior: "deny" });
  await tab.press("x");
  await untilHere("keys", "a CSV", () => csv !== "");
  if (!csv.includes(".csv")) found("keys", `x loads ${csv}`);
  await tab.press("?");
  await until(tab, "the list", () => document.querySelector("#keys").open);
  await tab.press("Escape");
  await until(tab, "the list is gone", () => !document.querySelector("#keys").open);
  await checks(tab);
  await tab.close();
}

/** Fingers: along the period's bar, on a chart, two of them. */
export async function fingers({ browser, base }) {
  const tab = await open(browser, "phone", { where: "fingers" });
  await visit(tab, `${base}/energy/week`);
  const bar = await tab.boxOf(".pager");
  const y = bar.y + bar.height / 2;
  await tab.fingers([[120, y]], [[180, y]], [[240, y]], [[290, y]]);
  await until(tab, "a swipe goes to the week before", () => /^\/energy\/week\/\d{4}-W\d\d/.test(location.pathname));
  const week = await at(tab);
  // Back again: the period after it.
  await until(tab, "the week's bars", () => document.querySelector("#view-energy .bars text") && !document.querySelector("#view-energy [aria-busy=true]"));
  await tab.fingers([[290, y]], [[240, y]], [[180, y]], [[120, y]]);
  await until(tab, "a swipe goes to the week after", (week) => location.pathname !== week, week);
  await visit(tab, `${base}/history`);
  await until(tab, "a chart", () => document.querySelector(".u-over"));
  const over = await tab.boxOf(".u-over");
  const middle = over.y + over.height / 2;
  await tab.fingers([[over.x + 100, middle]], [[over.x + 120, middle]], [[over.x + 160, middle]]);
  await until(tab, "a finger reads", () => /\d\d:\d\d/.test(document.querySelector("#view-history .reading").textContent));
  const two = (apart) => [[over.x + over.width / 2 - apart, middle], [over.x + over.width / 2 + apart, middle]];
  await tab.fingers(two(40), two(60), two(80), two(110));
  await until(tab, "two fingers zoom", () => {
    const asked = new URLSearchParams(location.search);
    const seconds = (Date.parse(asked.get("to")) - Date.parse(asked.get("from"))) / 1000;
    return seconds > 3600 && seconds < 60_000;
  });
  await checks(tab);
  await tab.close();
}

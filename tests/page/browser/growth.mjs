// Nothing is left behind: by going through the views, and by a page that stays open for a simulated month.

import { found, open, pause, quiet, until, visit } from "./tab.mjs";

async function counters(tab) {
  await tab.send("HeapProfiler.collectGarbage");
  await tab.send("HeapProfiler.collectGarbage");
  const [{ nodes, jsEventListeners: listeners }, { usedSize: bytes }] = [await tab.send("Memory.getDOMCounters"), await tab.send("Runtime.getHeapUsage")];
  return { nodes, listeners, bytes };
}

/** Zooming, panning and going between views for a while leaves nothing behind. */
export async function leaks({ browser, base }) {
  const tab = await open(browser, "wide", { where: "leaks" });
  await visit(tab, base);
  const round = async () => {
    for (const key of ["3", "+", "+", "-", "ArrowLeft", "2", "w", "m", "1", "5", "4", "1"]) {
      await tab.press(key);
      await quiet(tab);
    }
    return counters(tab);
  };
  await round();
  await round();
  const first = await round();
  for (let n = 0; n < 5; n += 1) await round();
  const last = await round();
  console.log(`measured: after 3 rounds through the views ${JSON.stringify(first)}, after 9 ${JSON.stringify(last)}`);
  if (last.nodes > first.nodes * 1.3 + 500) found("leaks", `${first.nodes} nodes became ${last.nodes}`);
  if (last.listeners > first.listeners * 1.3 + 100) found("leaks", `${first.listeners} listeners became ${last.listeners}`);
  if (last.bytes > first.bytes * 1.3 + 1_000_000) found("leaks", `a heap of ${first.bytes} bytes became ${last.bytes}`);
  await tab.close();
}

/**
 * Pages that stay open while so many days pass, on a daemon whose time runs fast: each minute and each change of the day is told. They are
 * as large at the end as after the second day.
 */
export async function month({ browser, base, days }) {
  const tabs = [];
  // Days that fast are too much now and then: what is refused for it is asked for again.
  for (const view of ["/", "/energy", "/history", "/health"]) {
    const tab = await open(browser, "wide", { where: `open for ${days} days ${view}`, isQuiet: true });
    await tab.goto(base + view);
    // It is never quiet here.
    await until(tab, "live", () => document.querySelector("#live")?.classList.contains("is-live"));
    tabs.push(tab);
  }
  const passed = async (n) => {
    // A busy machine's days are long: as long as they pass, it goes on.
    let [last, since] = [-1, Date.now()];
    while (last < n) {
      const now = await tabs[0].evaluate(() => window.seen.days.length);
      if (now > last) [last, since] = [now, Date.now()];
      if (Date.now() - since > 300_000) throw new Error(`no day ended within 300 s; ${now} had`);
      await pause(200);
    }
  };
  await passed(2);
  const first = [];
  for (const tab of tabs) first.push(await counters(tab));
  await passed(days);
  for (const [n, tab] of tabs.entries()) {
    const last = await counters(tab);
    console.log(`measured: ${tab.where}: after 2 days ${JSON.stringify(first[n])}, at the end ${JSON.stringify(last)}`);
    for (const [name, slack] of [["nodes", 500], ["listeners", 100], ["bytes", 1_000_000]]) {
      if (last[name] > first[n][name] * 1.3 + slack) found(tab.where, `${first[n][name]} ${name} became ${last[name]}`);
    }
    const loads = await tab.evaluate(() => performance.getEntriesByType("navigation")[0].type);
    if (loads !== "navigate") found(tab.where, `it was loaded again: ${loads}`);
    await tab.close();
  }
}

// Nothing is left behind: by going through the views, and by a page that stays open for a simulated month.

import { found, open, quiet, untilHere, visit } from "./tab.mjs";

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

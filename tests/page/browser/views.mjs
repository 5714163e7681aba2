// Every view, on a phone and wide, light and dark; the tables behind the charts; what axe finds.

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { accessible, checks, found, open, settled, SIZES, until, VIEWS, visit } from "./tab.mjs";

const THEMES = ["light", "dark"];

/** No error, no refusal by the policy, no shift, nothing wider than the window. SHOTS=DIR keeps pictures. */
export async function views({ browser, base, shots }) {
  if (shots) mkdirSync(shots, { recursive: true });
  for (const size of Object.keys(SIZES)) {
    for (const theme of THEMES) {
      const tab = await open(browser, size, { theme });
      for (const view of VIEWS) {
        await visit(tab, base + view, `${size} ${theme} ${view}`);
        await checks(tab);
        if ((await tab.evaluate(() => document.documentElement.dataset.theme)) !== theme) found(tab.where, "it has another theme");
        const lines = await tab.evaluate(() => {
          const range = document.createRange();
          range.selectNodeContents(document.querySelector("#live-text"));
          return new Set([...range.getClientRects()].map((box) => Math.round(box.top))).size;
        });
        if (lines > 1) found(tab.where, "the word “live” is broken");
        if (shots) await tab.screenshot(join(shots, `${size}-${theme}${view.replaceAll("/", "_")}.png`));
      }
      await tab.close();
    }
  }
}

/** axe finds nothing: every view in the light, each kind of view in the dark; the list of keys; tables; German. */
export async function axe({ browser, base }) {
  for (const [size, theme, all] of [["phone", "light", VIEWS], ["wide", "light", VIEWS], ["phone", "dark", ["/", "/energy", "/history", "/meters", "/health"]], ["wide", "dark", ["/", "/energy"]]]) {
    const tab = await open(browser, size, { theme });
    for (const view of all) {
      await visit(tab, base + view, `${size} ${theme} ${view}`);
      await accessible(tab);
    }
    await tab.close();
  }
  for (const theme of THEMES) {
    const tab = await open(browser, "phone", { theme, features: { "prefers-contrast": "more" } });
    await visit(tab, base, `more contrast ${theme}`);
    await accessible(tab);
    await tab.close();
  }
  const tab = await open(browser, "wide");
  await visit(tab, `${base}/energy/week`, "table");
  await tab.click("#view-energy button[aria-pressed=false].button");
  await until(tab, "a table", () => document.querySelector("#view-energy tbody tr"));
  await accessible(tab);
  tab.where = "the list of keys";
  await tab.press("?");
  await until(tab, "the list", () => document.querySelector("#keys").open);
  await accessible(tab);
  await tab.evaluate(() => localStorage.setItem("powerlogger.language", "de"));
  await visit(tab, base, "German");
  await accessible(tab);
  await tab.evaluate(() => localStorage.clear());
  await tab.close();
}

/** The table says what the bars show, in rows of the period's parts. Where nothing has a price, there are no costs to choose. */
export async function tables({ browser, base }) {
  const tab = await open(browser, "wide", { where: "tables" });
  for (const [view, rows] of [["/energy/year", 12], ["/energy/week", 7]]) {
    await visit(tab, base + view, `table of ${view}`);
    await tab.click("#view-energy button[aria-pressed=false].button");
    if (await tab.evaluate(() => !document.querySelector(".units").hidden)) found(tab.where, "costs are to be chosen, and nothing has a price");
    await until(tab, `${rows} rows`, (rows) => document.querySelectorAll("#view-energy tbody tr").length === rows, rows);
  }
  await visit(tab, `${base}/history`, "table of the history");
  await tab.evaluate(() => document.querySelectorAll("#view-history .history-head button")[1].click());
  await until(tab, "at most 48 rows", () => {
    const n = document.querySelectorAll("#view-history tbody tr").length;
    return n > 0 && n <= 48;
  });
  await settled(tab);
  await tab.close();
}

// A reading is entered with the token, which is asked for once and kept nowhere, and taken back.

import { checks, found, open, quiet, until, visit } from "./tab.mjs";

/** Slow as a small machine: what was entered last comes some time after it was asked for. What is refused is counted. */
function slow() {
  const { fetch } = window;
  window.refused = 0;
  window.fetch = async (asked, options) => {
    if (window.isGone && String(asked).startsWith("/api/v1/meters")) {
      window.refused += 1;
      throw new TypeError("it is gone");
    }
    const answer = await fetch(asked, options);
    if (String(asked).startsWith("/api/v1/registers?")) {
      window.seen.pending += 1;
      await new Promise((resolve) => setTimeout(resolve, 300));
      setTimeout(() => (window.seen.pending -= 1));
    }
    return answer;
  };
}

/** Where the button is that keeps a reading. */
const place = (tab) => tab.evaluate(() => JSON.stringify(document.querySelector(".reading-form .primary").getBoundingClientRect()));

export async function readings({ browser, base, token }) {
  for (const [size, theme] of [["phone", "light"], ["wide", "dark"]]) {
    // What is refused is told, and no error of ours.
    const tab = await open(browser, size, { theme, where: `readings ${size}`, isQuiet: true });
    await tab.beforehand(slow);
    await visit(tab, `${base}/meters`);
    const type = (name, text) => tab.type(`.reading-form [name=${name}]`, text);
    const keep = async (pattern) => {
      await tab.click(".reading-form .primary");
      await until(tab, `it says ${pattern}`, (pattern) => new RegExp(pattern).test(document.querySelector(".reading-form .note:not(.token *)")?.textContent ?? ""), pattern.source);
    };
    await tab.click(".reading-place .button");
    await until(tab, "the form, with the focus on the face", () => document.querySelector(".reading-form") && document.activeElement?.matches(".face-input"));
    await type("kwh", "12345,6");
    await type("token", "wrong");
    await keep(/▲ The token is missing or wrong/);
    await type("token", token);
    await keep(/✓/);
    const at = await place(tab);
    await quiet(tab);
    if ((await place(tab)) !== at) found(tab.where, "the form moved after it had said that the reading is kept");
    if (await tab.evaluate(() => !document.querySelector(".reading-form .token").hidden)) found(tab.where, "the token is asked for again");
    await checks(tab);
    await type("kwh", "99");
    await tab.evaluate(() => {
      window.isGone = true;
      window.seen.streams.at(-1).dispatchEvent(new MessageEvent("minute", { data: JSON.stringify({ start_s: 0, width_s: 60, meters: [] }) }));
    });
    await until(tab, "the meters are asked for in vain", () => window.refused > 0);
    await quiet(tab);
    if (await tab.evaluate(() => document.querySelector(".face-input")?.value !== "99")) found(tab.where, "a refusal was drawn over the form");
    await tab.evaluate(() => (window.isGone = false));
    await tab.click(".reading-form [value=adopt]");
    await keep(/▲ 99\.0 kWh on the face/);
    await until(tab, "it can be kept all the same", () => document.querySelector(".reading-form .primary").textContent === "Keep all the same");
    await tab.click(".reading-form p.row .button");
    await until(tab, "it is taken back", () => /✓ The reading of .* is taken back/.test(document.querySelector(".reading-form")?.textContent ?? ""));
    const kept = await tab.evaluate(() => JSON.stringify([Object.values(localStorage), Object.values(sessionStorage), document.cookie]));
    if (kept.includes(token)) found(tab.where, "the token is kept where that was not asked for");
    await tab.click(".reading-form .row .button:not(.primary)");
    await until(tab, "the form is closed", () => !document.querySelector(".reading-form"));
    await tab.close();
  }
}

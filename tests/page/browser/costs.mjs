// Bars of energy, and of what it costs: by button and key, in the address, in words and as a table, as on the bill.

import { answered } from "../answered.mjs";
import { accessible, checks, found, open, settled, until, visit } from "./tab.mjs";

const DAY = "2026-06-20";

export async function costs({ browser, base }) {
  const answer = await (await answered(`${base}/api/v1/energy?period=day&date=${DAY}`)).json();
  for (const [size, theme, language, locale] of [["phone", "light", "en", "en-GB"], ["wide", "dark", "de", "de-DE"]]) {
    const tab = await open(browser, size, { theme, where: `costs ${size}` });
    await tab.beforehand((language) => localStorage.setItem("powerlogger.language", language), language);
    await visit(tab, `${base}/energy/day/${DAY}`);
    const axis = (unit) => until(tab, `bars in ${unit}`, (unit) => document.querySelector("#view-energy .bars text")?.textContent === unit, unit);
    await axis("kWh");
    const small = await tab.evaluate(() => [...document.querySelectorAll(".units button")].filter((one) => one.offsetWidth < 44 || one.offsetHeight < 44).length);
    if (small > 0) found(tab.where, "a finger misses the units");
    await tab.click(".units button:last-child");
    await axis("€");
    await at(tab, `/energy/day/${DAY}?as=cost`);
    if (!(await tab.evaluate(() => document.activeElement?.matches(".units [aria-pressed=true]")))) found(tab.where, "the button that was pressed has lost the focus");
    await drawn(tab);
    await tab.click("#view-energy .chart-tools button.button");
    await until(tab, "a table", () => document.querySelector("#view-energy tbody tr"));
    await table(tab, answer, locale);
    await tab.reload();
    await settled(tab);
    await axis("€");
    if (process.env.PAGE_TOOLS) await accessible(tab);
    await tab.press("k");
    await axis("kWh");
    await at(tab, `/energy/day/${DAY}`);
    await tab.press("k");
    await axis("€");
    await checks(tab);
    // The other periods are in money too; History has none.
    if (!(await tab.evaluate(() => [...document.querySelectorAll("#view-energy > .segments a")].every((link) => link.search === "?as=cost")))) found(tab.where, "another period is in kWh again");
    await tab.focus("#view-energy figure");
    await tab.press("Home");
    await until(tab, "the reading of a bar", () => /€.*€.*€/.test(document.querySelector("#view-energy .reading")?.textContent ?? ""));
    await until(tab, "it is spoken", () => /€/.test(document.querySelector("#said")?.textContent ?? ""));
    await tab.press("Enter");
    await until(tab, "the history of the hour", () => location.pathname === "/history" && !location.search.includes("as="));
    await tab.evaluate(() => history.back());
    await axis("€");
    await tab.media({}, "print");
    if (await tab.evaluate(() => document.querySelector(".units").offsetWidth > 0 || document.querySelector("#view-energy .bars").getBoundingClientRect().width === 0)) found(tab.where, "on paper are bars, and no buttons");
    await tab.close();
  }
}

/** @param {string} address */
function at(tab, address) {
  return until(tab, `at ${address}`, (address) => location.pathname + location.search === address, address);
}

/** What is bought stands above zero, what is sold below it. */
async function drawn(tab) {
  await until(tab, "bars on both sides of zero", () => {
    const zero = Number(document.querySelector("#view-energy .bars .zero").getAttribute("y1"));
    const of = (role) => [...document.querySelectorAll(`#view-energy .bars .fill.${role}`)].map((bar) => Number(bar.getAttribute("y")));
    return of("import").length > 0 && of("export").length > 0 && of("import").every((y) => y < zero) && of("export").every((y) => y >= zero - 1);
  });
}

/** Each hour as it was answered, and the bill below. */
async function table(tab, { money: { parts, import: bought, export: sold } }, locale) {
  const format = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const text = (value) => format.format(Math.abs(value) < 0.005 ? 0 : value).replace("-", "\u2212");
  const seen = await tab.evaluate(() => [...document.querySelectorAll("#view-energy tbody tr, #view-energy tfoot tr")].map((row) => [...row.querySelectorAll("td")].slice(0, 3).map((cell) => cell.textContent)));
  const sums = [bought, sold, (Number(bought) + Number(sold)).toFixed(2)];
  const wanted = [...parts.import.map((one, n) => [one, parts.export[n], (Number(one) + Number(parts.export[n])).toFixed(4)]), sums].map((row) => row.map(text));
  if (wanted.every(([one]) => one === wanted[0][0])) found(tab.where, "each hour costs the same");
  for (const [n, row] of wanted.entries()) {
    if (row.join() !== seen[n]?.join()) found(tab.where, `row ${n + 1} is ${seen[n]}, not ${row}`);
  }
}

// Local days: what the bars and their table show is what the pulses of the journal come to, counted again here, each local day once,
// whatever zone the reader's browser is in. DAYS says which: {zone, readerZone, whPerPulse, csv, views, change}.

import { readFileSync } from "node:fs";
import { found, given, open, quiet, until, visit } from "./tab.mjs";

const QUARTER_MS = 900_000;
const HOUR_MS = 3_600_000;

/** The zone's calendar by Intl alone. @param {string} zone */
function calendar(zone) {
  const of = new Intl.DateTimeFormat("en-GB", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const parts = (ms) => Object.fromEntries(of.formatToParts(ms).map(({ type, value }) => [type, value]));
  const date = (ms) => {
    const { year, month, day } = parts(ms);
    return `${year}-${month}-${day}`;
  };
  const clock = (ms) => {
    const { hour, minute } = parts(ms);
    return `${hour}:${minute}`;
  };
  /** All instants on a quarter hour whose local date is this one. */
  const quarters = (wanted) => {
    const from = Date.parse(`${wanted}T00:00:00Z`) - 26 * HOUR_MS;
    const all = Array.from({ length: (3 * 26 * HOUR_MS) / QUARTER_MS }, (_, n) => from + n * QUARTER_MS);
    return all.filter((ms) => date(ms) === wanted);
  };
  return { clock, quarters };
}

/** What each part of a view must be: its name, and the pulses of each meter. */
function expected({ clock, quarters }, pulses, view) {
  const [, period, slug] = /^\/energy\/(day|week|month)\/(.*)$/.exec(view);
  const sum = (from, to) => {
    const counts = { Import: 0, Export: 0, Generate: 0 };
    for (const { ms, meter } of pulses) if (ms >= from && ms < to) counts[meter] += 1;
    return counts;
  };
  if (period === "day") {
    const all = quarters(slug);
    if (all.length === 0) return { hours: 0, parts: [] };
    const [start, end] = [all[0], all.at(-1) + QUARTER_MS];
    const parts = [];
    const seen = new Set();
    for (let from = start; from < end; from += HOUR_MS) {
      const to = Math.min(end, from + HOUR_MS);
      const name = clock(from);
      parts.push({ name: `${seen.has(name) ? `${name} (2nd)` : name}–${clock(to)}`, to, ...sum(from, to) });
      seen.add(name);
    }
    return { hours: (end - start) / HOUR_MS, parts };
  }
  const first = period === "month" ? `${slug}-01` : monday(slug);
  const dates = [];
  for (let day = Date.parse(first), n = 0; n < (period === "month" ? 31 : 7); n += 1, day += 24 * HOUR_MS) {
    const name = new Date(day).toISOString().slice(0, 10);
    if (period === "week" || name.startsWith(slug)) dates.push(name);
  }
  const parts = dates.map((name) => [name, quarters(name)]).filter(([, all]) => all.length > 0).map(([name, all]) => {
    const to = all.at(-1) + QUARTER_MS;
    return { name, to, ...sum(all[0], to) };
  });
  return { hours: null, parts };
}

/** The Monday of "2026-W43". @param {string} week */
function monday(week) {
  const [year, n] = week.split("-W").map(Number);
  const fourth = new Date(Date.UTC(year, 0, 4));
  const day = (fourth.getUTCDay() + 6) % 7;
  return new Date(fourth.getTime() + (7 * (n - 1) - day) * 24 * HOUR_MS).toISOString().slice(0, 10);
}

/** The table of the bars, and how high the bars of a role are; null: another answer is waited for. Runs in the page. */
function shown() {
  if (document.querySelector("#view-energy [aria-busy=true]")) return null;
  const rows = [...document.querySelectorAll("#view-energy tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent));
  const head = [...document.querySelectorAll("#view-energy thead th")].map((cell) => cell.textContent);
  const heights = (role) => [...document.querySelectorAll(`#view-energy .bars rect.fill.${role}`)].map((bar) => Number(bar.getAttribute("height")));
  return { head, rows, title: document.querySelector("#view-energy .period-name").textContent, imports: heights("import"), exports: heights("export") };
}

const number = (text) => Number(text.replace("\u2212", "-").replaceAll(/[,\u202f\u00a0]/g, ""));

export async function days({ browser, base }) {
  const { zone, readerZone, whPerPulse, csv, views, change, nowMs } = JSON.parse(process.env.DAYS);
  const pulses = readFileSync(csv, "utf8").trim().split("\n").filter((line) => /^\d/.test(line)).map((line) => {
    const [, ns, meter] = line.split(",");
    return { ms: Number(BigInt(ns) / 1_000_000n), meter };
  });
  const first = Math.min(...pulses.map(({ ms }) => ms));
  const own = calendar(zone);
  const tab = await open(browser, "wide", { where: zone, zone: readerZone });
  for (const view of views) {
    const want = expected(own, pulses, view);
    await visit(tab, base + view, `${zone} ${view}`);
    if (want.hours !== 0) {
      await tab.click("#view-energy .chart-tools > button");
      await until(tab, "the table", () => document.querySelector("#view-energy tbody tr"));
    }
    await quiet(tab);
    const is = await given(tab, "the bars", shown);
    if (want.hours !== null && want.hours !== 24 && !is.title.includes(`(${want.hours} h)`)) found(tab.where, `the title is ${is.title}, not of ${want.hours} h`);
    const names = is.rows.map(([name]) => (want.hours === null ? new Date(Date.parse(`${name} UTC`)).toISOString().slice(0, 10) : name));
    const wanted = want.parts.map((part) => part.name);
    if (names.join() !== wanted.join()) {
      found(tab.where, `parts are ${names.join()}, not ${wanted.join()}`);
      continue;
    }
    const column = (name) => is.head.findIndex((head) => head.startsWith(name));
    const kwh = (count) => ((count * whPerPulse) / 1000).toFixed(2);
    want.parts.forEach((part, n) => {
      // What runs still changes.
      if (part.to > nowMs) return;
      const { Import, Export, Generate } = part;
      for (const [name, count] of [["Import", Import], ["Export", Export], ["Self", Generate - Export], ["House", Import + Generate - Export]]) {
        const cell = is.rows[n][column(name)];
        // What was before the first pulse is not known, and no zero.
        const isRight = part.to <= first ? cell === "–" : number(cell) === Number(kwh(count));
        if (!isRight) found(tab.where, `${part.name}: ${name} ${cell} kWh, counted ${kwh(count)}`);
      }
    });
    for (const [name, heights] of [["Import", is.imports], ["Export", is.exports]]) {
      const counts = want.parts.map((part) => part[name]);
      if (want.parts.some((part) => part.to > nowMs)) continue;
      // Two pixels lie between what is stacked; what would be less than that is no bar.
      const [most, high] = [Math.max(...counts), Math.max(...heights, 0)];
      const drawn = counts.filter((count) => (count / most) * high >= 4);
      if (most > 0 && heights.length < drawn.length) found(tab.where, `${heights.length} bars of ${name}, not ${drawn.length}`);
      const bars = [...heights].sort((a, b) => b - a);
      [...counts].sort((a, b) => b - a).slice(0, bars.length).forEach((count, n) => {
        if (Math.abs(bars[n] - (count / most) * high) > 3) found(tab.where, `a bar of ${name} is ${bars[n]} px high, ${count} of ${most} would be ${((count / most) * high).toFixed(1)}`);
      });
    }
  }
  if (change) await dayChange(tab, base, own, zone);
  await tab.close();
}

/** A busy machine may miss one with its stream: it is opened anew then. */
const CHANGES = 8;

/** Today is a whole day from the start; when it ends, the stream says so, and the page goes on to the next one by itself. */
async function dayChange(tab, base, own, zone) {
  await visit(tab, `${base}/energy`, `${zone} today`);
  await tab.click("#view-energy .chart-tools > button");
  await until(tab, "the table", () => document.querySelector("#view-energy tbody tr"));
  let day = await wholeDay(tab, own);
  for (let n = 0; n < CHANGES; n += 1) {
    await until(tab, `another day than ${day}`, (day) => {
      const name = document.querySelector("#view-energy .period-name").textContent.replace(/\(.*/, "");
      return Date.parse(`${name} UTC`) > Date.parse(day);
    }, day);
    // A stream that was opened in the new day has nothing to tell of it; the next change comes soon.
    const isTold = await tab.evaluate((day) => window.seen.days.some(({ date }) => date > day), day);
    day = await wholeDay(tab, own);
    if (isTold) break;
    if (n === CHANGES - 1) found(tab.where, `the stream tells of no day after ${day}`);
  }
  const told = await tab.evaluate(() => ({ at: location.pathname }));
  if (told.at !== "/energy") found(tab.where, `it is at ${told.at}`);
}

/** Which day is shown: all of it. The title says so at once when it changes, the table with the answer. */
async function wholeDay(tab, { clock, quarters }) {
  const { title, rows } = await given(tab, "the day's table", shown);
  const date = new Date(Date.parse(`${title.replace(/\(.*/, "")} UTC`)).toISOString().slice(0, 10);
  const all = quarters(date);
  const hours = Math.ceil((all.length * QUARTER_MS) / HOUR_MS);
  const [begin, end] = [clock(all[0]), clock(all.at(-1) + QUARTER_MS)];
  const [first, last] = [rows[0][0], rows.at(-1)[0]];
  if (!first.startsWith(begin) || !last.endsWith(`–${end}`) || rows.length !== hours) found(tab.where, `${date} is ${first} to ${last} in ${rows.length} parts, not ${hours} from ${begin} to ${end}`);
  return date;
}

// Walks the page of a daemon in Chromium:
//   BASE=http://127.0.0.1:8077 node tests/page/browser.mjs [PART…]
// CHROMIUM=PROGRAM, else `chromium`. PAGE_TOOLS=DIR has the npm package axe-core, for the part `axe`. SHOTS=DIR keeps pictures.
// TOKEN=… is that of [web]: the part `readings` enters some (never beside a real journal).
// Parts that need a daemon in a certain state, or some more words, run only when they are named.
// ASKED=1: the caller reads the lines "ask: WORD", does what they say to the daemon, and answers with a line; else parts that need that
// are left out. Exit code 1: something was found; each finding is a line.

import { createInterface } from "node:readline";
import { compared, negative, start, still } from "./browser/complaints.mjs";
import { costs } from "./browser/costs.mjs";
import { days } from "./browser/days.mjs";
import { Browser } from "./browser/devtools.mjs";
import { leaks, month } from "./browser/growth.mjs";
import { fingers, keys } from "./browser/keys.mjs";
import { appended, hidden, pulse, restart } from "./browser/live.mjs";
import { contrast, forced, motion, narrow } from "./browser/needs.mjs";
import { readings } from "./browser/readings.mjs";
import { beyond, clock, empty, gone, one, reason, refused, restored, unwatched, upgraded } from "./browser/states.mjs";
import { findings, found } from "./browser/tab.mjs";
import { axe, tables, views } from "./browser/views.mjs";

const PARTS = { views, tables, compared, negative, still, start, keys, fingers, pulse, hidden, appended, motion, contrast, forced, narrow, leaks, month, axe, readings, restart, gone, days, empty, one, reason, unwatched, restored, clock, refused, upgraded, beyond, costs };
/** What must be there for a part that is not named. */
const NEEDS = { month: "PAGE_DAYS", axe: "PAGE_TOOLS", readings: "TOKEN", restart: "ASKED", gone: "ASKED", days: "DAYS", empty: "ASKED", one: "STATE", reason: "STATE", unwatched: "DATE", restored: "STATE", costs: "STATE" };

const base = process.env.BASE;
const wanted = process.argv.slice(2);
if (!base || wanted.some((name) => !PARTS[name])) {
  console.error(`usage: BASE=URL node browser.mjs [PART…]\nparts: ${Object.keys(PARTS).join(" ")}`);
  process.exit(2);
}

const lines = process.env.ASKED ? createInterface({ input: process.stdin })[Symbol.asyncIterator]() : null;
/** Asks for something to be done to the daemon; what is answered. @param {string} word */
async function ask(word) {
  console.log(`ask: ${word}`);
  const { value, done } = await lines.next();
  if (done) throw new Error(`no answer to ${word}`);
  return value;
}

const browser = Browser.launch(process.env.CHROMIUM ?? "chromium");
for (const [name, part] of Object.entries(PARTS)) {
  if (wanted.length > 0 ? !wanted.includes(name) : NEEDS[name] && !process.env[NEEDS[name]]) continue;
  const begin = Date.now();
  await part({ browser, base, ask, token: process.env.TOKEN, shots: process.env.SHOTS, date: process.env.DATE, days: Number(process.env.PAGE_DAYS) }).catch((failed) => found(name, failed.stack));
  console.log(`${name}: ${((Date.now() - begin) / 1000).toFixed(0)} s`);
}
await browser.close();
console.log(findings.length === 0 ? "✓ nothing found" : `${findings.length} found`);
process.exit(findings.length === 0 ? 0 : 1);

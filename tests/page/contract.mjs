// Asks everything that the contract describes, and compares each answer with its schema:
//   PAGE_TOOLS=DIR node tests/page/contract.mjs http://127.0.0.1:8077
// PAGE_TOOLS is a directory with the npm packages yaml, ajv and ajv-formats.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { answered } from "./answered.mjs";

const base = process.argv[2];
if (!base) {
  console.error("usage: node contract.mjs BASE_URL");
  process.exit(2);
}
const require = createRequire(join(process.env.PAGE_TOOLS ?? process.cwd(), "x.js"));
const Ajv = require("ajv/dist/2020").default;
const description = require("yaml").parse(readFileSync(new URL("../../src/web/openapi.yaml", import.meta.url), "utf8"));
const ajv = new Ajv({ strict: false, allErrors: true });
require("ajv-formats").default(ajv);
ajv.addSchema(description, "api");

let found = 0;
const tell = (where, what) => {
  found += 1;
  console.log(`✖ ${where}: ${what}`);
};

const pointer = (...steps) => `api#/${steps.map((step) => encodeURIComponent(step.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`;
/** Compares a value with the schema of an answer. */
function compare(where, value, reference) {
  const check = ajv.compile({ $ref: reference });
  if (check(value)) return;
  for (const error of check.errors.slice(0, 5)) tell(where, `${error.instancePath} ${error.message} ${JSON.stringify(error.params)}`);
}
const schemaOf = (name) => pointer("components", "schemas", name);

async function ask(path, { status = 200, type = "application/json", ...request } = {}) {
  const response = await answered(base + path, request);
  if (response.status !== status) tell(path, `status ${response.status}, not ${status}`);
  const got = response.headers.get("content-type") ?? "";
  if (!got.startsWith(type)) tell(path, `${got}, not ${type}`);
  const text = await response.text();
  return type.includes("json") ? JSON.parse(text) : text;
}

/** Columns are as long as they must be. */
function lengths(where, span) {
  const n = span.dates.length;
  if (span.starts_s.length !== n + 1) tell(where, "starts_s");
  for (const meter of span.meters) {
    for (const name of ["pulses", "energy_wh", "amount", "watched_s"]) if (meter[name].length !== n) tell(where, `${meter.meter} ${name}`);
    const sum = meter.pulses.reduce((all, pulses) => all + (pulses ?? 0), 0);
    if (sum !== meter.total.pulses) tell(where, `${meter.meter}: the parts are ${sum} pulses, the total ${meter.total.pulses}`);
  }
  for (const name of ["house_wh", "self_wh"]) if (span[name] && span[name].length !== n) tell(where, name);
}

const now = await ask("/api/v1/now");
compare("now", now, schemaOf("Now"));
if (!now.health) tell("now", "without health");
const nowS = Math.floor(Date.parse(now.as_of) / 1000);
for (const period of ["day", "week", "month", "year", "total"]) {
  for (const compareWith of period === "total" ? [null] : [null, "previous", "year", ...(period === "day" ? ["week"] : [])]) {
    const path = `/api/v1/energy?period=${period}${compareWith ? `&compare=${compareWith}` : ""}`;
    const energy = await ask(path);
    compare(path, energy, schemaOf("Energy"));
    lengths(path, energy);
    if (Boolean(energy.compared) !== Boolean(compareWith)) tell(path, "compared");
    if (energy.compared) lengths(path, energy.compared);
  }
}
for (const query of [`from=${nowS - 900}&to=${nowS}`, `from=${nowS - 86_400}&to=${nowS}`, `from=${nowS - 86_400}&to=${nowS}&window=15m`, `from=${nowS - 90 * 86_400}&to=${nowS}&points=100`, `from=${nowS - 3000 * 86_400}&to=${nowS}`]) {
  const path = `/api/v1/history?${query}`;
  const history = await ask(path);
  compare(path, history, schemaOf("History"));
  for (const meter of history.meters) {
    const all = "at_ms" in meter ? [meter.at_ms, meter.power_w ?? meter.rate, meter.is_estimated]
      : [meter.pulses, meter.mean_w ?? meter.mean_rate, meter.min_w ?? meter.min_rate, meter.max_w ?? meter.max_rate, meter.watched_s];
    if (new Set(all.map((column) => column.length)).size !== 1) tell(path, `${meter.meter}: columns of different length`);
    if (all[0].length > 2000) tell(path, `${all[0].length} points`);
    if (history.starts_s && history.starts_s.length !== all[0].length + 1) tell(path, "starts_s");
  }
  if ((history.width_s === null) !== (history.start_s === null)) tell(path, "width_s without start_s");
}
for (const [path, name] of [["meters", "Meters"], ["status", "Status"], ["losses", "Losses"], ["conditions", "Conditions"]]) compare(path, await ask(`/api/v1/${path}`), schemaOf(name));
const registers = await ask("/api/v1/registers");
for (const register of registers) compare("registers", register, schemaOf("Register"));
for (const path of ["energy.csv?period=month", `history.csv?from=${nowS - 3600}&to=${nowS}`, "meters.csv", "losses.csv", "now.csv", "lines.csv", "registers.csv", "conditions.csv"]) await ask(`/api/v1/${path}`, { type: "text/csv" });
for (const [path, status] of [["nothing", 404], ["energy?period=decade", 400], ["energy?period=week&date=8585-09-03", 400], ["energy?x=1", 400], ["energy?period=day&period=week", 400], [`history?from=${nowS}&to=${nowS - 1}`, 400], ["history", 400], [`history?from=${nowS - 864_000}&to=${nowS}&window=1m`, 400]]) {
  compare(path, await ask(`/api/v1/${path}`, { status, type: "application/problem+json" }), schemaOf("Problem"));
}
compare("POST energy", await ask("/api/v1/energy", { method: "POST", status: 405, type: "application/problem+json" }), schemaOf("Problem"));
for (const path of ["/livez", "/readyz", "/healthz"]) {
  const response = await fetch(base + path);
  if (![200, 503].includes(response.status)) tell(path, `status ${response.status}`);
}
const served = await ask("/api/v1/openapi.json");
if (!isDeepStrictEqual(served.paths, description.paths)) tell("openapi.json", "is not openapi.yaml");

// The stream: everything at once, each event as described.
const stream = await fetch(`${base}/api/v1/events`);
if (!stream.headers.get("content-type")?.startsWith("text/event-stream")) tell("events", stream.headers.get("content-type"));
const reader = stream.body.getReader();
let text = "";
// It ends what hangs; no machine is too slow for it.
const end = Date.now() + 120_000;
while (!text.includes("\n\n", text.indexOf("event:")) && Date.now() < end) text += new TextDecoder().decode((await reader.read()).value);
await reader.cancel();
const first = /event: (\w+)[\s\S]*?data: (.*)\n/.exec(text);
if (!text.startsWith("retry: 2000")) tell("events", "does not begin with retry");
if (first?.[1] !== "now") tell("events", "the first event is not now");
else {
  compare("events now", JSON.parse(first[2]), schemaOf("Now"));
  if (!JSON.parse(first[2]).health) tell("events", "the first now is without health");
}

// Minutes that were missed come first, to who says what was heard last. The state does not wait longer than a second for the disk: where
// that is busy they come after it, and who asks again has them first.
let told = [];
for (let tries = 0; tries < 20 && told.length < 2; tries += 1) {
  const missed = await fetch(`${base}/api/v1/events?last_event_id=${(Math.floor(nowS / 60) - 3) * 60_000}`);
  const minutes = missed.body.getReader();
  for (text = ""; !text.includes("event: now") && Date.now() < end; ) text += new TextDecoder().decode((await minutes.read()).value);
  await minutes.cancel();
  const before = text.slice(0, text.indexOf("event: now"));
  told = [...before.matchAll(/event: minute[\s\S]*?data: (.*)\n/g)].map((match) => JSON.parse(match[1]));
}
if (told.length < 2) tell("events minute", `${told.length} before the state`);
for (const minute of told) compare("events minute", minute, schemaOf("Minute"));

// What has ended is not sent twice.
const ended = `/api/v1/energy?period=day&date=${new Date((nowS - 2 * 86_400) * 1000).toISOString().slice(0, 10)}`;
let etag = null;
let status = 0;
for (const until = Date.now() + 120_000; status !== 304 && Date.now() < until; ) {
  const response = await answered(base + ended, { headers: etag ? { "If-None-Match": etag } : {}, cache: "no-store" });
  status = response.status;
  const name = response.headers.get("etag");
  if (status !== 304 && etag && name === etag) break;
  // It has a name as soon as all its pulses are in windows, and another one after the last of them, or when the local day has ended.
  etag = name;
  if (!etag) await new Promise((resolve) => setTimeout(resolve, 200));
}
if (!etag) tell(ended, "no ETag");
else if (status !== 304) tell(ended, "sent twice");

console.log(found === 0 ? "✓ as described" : `${found} found`);
process.exit(found === 0 ? 0 : 1);

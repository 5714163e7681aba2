// Decay of power, the flow bar, sums and comparisons, zoom, addresses, columns, marks.

import assert from "node:assert/strict";
import { test } from "node:test";
import { priced } from "../../src/web/page/js/costs.js";
import { columns, indexAt, starts } from "../../src/web/page/js/columns.js";
import { byHour, dayPower, putQuarter, unknown } from "../../src/web/page/js/day_power.js";
import { ageMs, powerNow } from "../../src/web/page/js/decay.js";
import { fromSun, parts } from "../../src/web/page/js/flow.js";
import { Hour } from "../../src/web/page/js/hour.js";
import { registerDigits } from "../../src/web/page/js/number.js";
import * as route from "../../src/web/page/js/route.js";
import { paths } from "../../src/web/page/js/spark.js";
import { state } from "../../src/web/page/js/store.js";
import * as sums from "../../src/web/page/js/sums.js";
import { marks } from "../../src/web/page/js/timeline.js";
import * as zoom from "../../src/web/page/js/zoom.js";

const flow = (import_w, export_w, generation_w) => ({ import_w, export_w, generation_w, self_w: generation_w - export_w, why: null });
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b}`);

test("power falls while no pulse comes, and never rises", () => {
  const meter = { power_w: 3600, imp_per_kwh: 1000 };
  assert.equal(powerNow(meter, 1_000), 3600);
  // What is but late does not make it flap.
  assert.equal(powerNow(meter, 2_400), 3600);
  let before = Infinity;
  for (let age = 0; age < 600_000; age += 700) {
    const watts = powerNow(meter, age);
    assert.ok(watts <= before && watts > 0);
    before = watts;
  }
  assert.ok(before < 7);
  assert.equal(powerNow({ power_w: null, imp_per_kwh: 1000 }, 1), null);
  assert.equal(powerNow({ power_w: 80, imp_per_kwh: null }, 1e9), 80);
});

test("the age of a pulse compares no clocks", () => {
  assert.equal(ageMs("2026-10-25T12:00:00Z", "2026-10-25T12:00:03Z", 500), 3_500);
  assert.equal(ageMs("2026-10-25T12:00:05Z", "2026-10-25T12:00:03Z", 0), 0);
  assert.equal(ageMs(null, "2026-10-25T12:00:03Z", 0), null);
});

test("the flow bar's parts are true to scale and clamped", () => {
  const all = parts(flow(420, 1020, 3120));
  assert.deepEqual(all.map((part) => [part.role, part.watts]), [["import", 420], ["self", 2100], ["export", 1020]]);
  close(all.reduce((sum, part) => sum + part.share, 0), 1);
  close(fromSun(all), 2100 / 2520);
  // Export beyond generation by a pulse: no negative bar.
  assert.deepEqual(parts(flow(0, 1010, 1000)).map((part) => part.watts), [0, 0, 1010]);
  assert.equal(fromSun(parts(flow(0, 1010, 1000))), null);
  // What is left of a pulse an hour ago is no import.
  assert.equal(parts(flow(1, 2000, 3000))[0].watts, 0);
  // But a standby at night is one.
  assert.equal(parts(flow(3, 0, 0))[0].watts, 3);
  assert.equal(parts({ ...flow(1, 1, 1), why: "not_watched" }), null);
  assert.deepEqual(parts(flow(0, 0, 0)).map((part) => part.share), [0, 0, 0]);
});

const span = (wh, starts, more = {}) => ({
  starts_s: starts, dates: wh.map(() => "2026-10-25"), house_wh: wh, self_wh: wh.map(() => 0),
  derived: { why: null, house_wh: wh.reduce((a, b) => a + (b ?? 0), 0) },
  meters: [{ meter: "Import", role: "import", energy_wh: wh, watched_s: wh.map((_, n) => starts[n + 1] - starts[n]), total: { energy_wh: 1 } }], ...more,
});

test("a running period is compared over the parts that have passed in both", () => {
  const here = span([1000, 2000, 400, null], [0, 10, 20, 30, 40]);
  const there = span([1000, 1000, 9000, 9000], [0, 10, 20, 30, 40]);
  const by = sums.change(here, there, 25);
  close(by.ratio, 0.5);
  assert.equal(by.isRunning, true);
  assert.equal(by.untilS, 20);
  assert.equal(sums.change(here, there, 5), null);
  close(sums.change(span([1000, 2000], [0, 10, 20]), span([2000, 2000], [0, 10, 20]), 99).ratio, -0.25);
  assert.equal(sums.change(here, span([0, 0, 0, 0], [0, 10, 20, 30, 40]), 25), null);
});

test("without an export meter nothing is stacked", () => {
  const of = span([1, 2], [0, 10, 20], { house_wh: null, self_wh: null, derived: { why: "no_export_meter" } });
  assert.equal(sums.series(of).stacked, false);
  assert.equal(sums.series(span([1, 2], [0, 10, 20])).stacked, true);
  assert.equal(sums.main(of).role, "import");
});

test("a part that was not watched all the while is marked; what runs has some slack", () => {
  const of = span([1, 1, 1], [0, 3600, 7200, 10800]);
  of.meters[0].watched_s = [3600, 3000, 1700];
  assert.deepEqual([0, 1, 2].map((n) => sums.isWatched(of, n, 9000)), [true, false, true]);
  assert.equal(sums.isWatched(of, 1, 9000, "2026-10-24"), false);
  assert.equal(sums.isWatched(of, 1, 9000, "2026-10-25"), true, "the day on which counting began");
});

test("columns add up, null only where all are", () => {
  assert.deepEqual(sums.added([[1, null, null], [2, 3, null]]), [3, 3, null]);
  assert.equal(sums.most([null, 0, 3, 5, 5]), 3);
  assert.equal(sums.most([null, 0]), null);
});

test("ticks are round and within", () => {
  for (const [low, high] of [[0, 1], [-2.8, 0.6], [0, 1234], [-0.02, 0.09]]) {
    const all = sums.ticks(low, high, 4);
    assert.ok(all.length >= 2 && all.length <= 10, JSON.stringify(all));
    assert.ok(all.every((tick) => tick >= low - 1e-6 && tick <= high + 1e-6));
    assert.ok(all.some((tick) => Math.abs(tick) < 1e-9));
  }
  assert.deepEqual(sums.ticks(0, 0, 4), [0]);
});

const BOUNDS = { from: 0, to: 1_000_000 };

test("zoom keeps what is under the pointer and stays within", () => {
  const to = zoom.zoom({ from: 400_000, to: 600_000 }, 0.5, 0.25, BOUNDS);
  close(to.from + 0.25 * (to.to - to.from), 450_000);
  close(to.to - to.from, 100_000);
  assert.deepEqual(zoom.zoom({ from: 0, to: 1_000_000 }, 9, 0.5, BOUNDS), BOUNDS);
  const least = zoom.zoom({ from: 500, to: 520 }, 0.001, 0.5, BOUNDS);
  close(least.to - least.from, zoom.SHORTEST_S);
});

test("any order of zooms and pans stays within the bounds", () => {
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  let at = { from: 1000, to: 5000 };
  for (let n = 0; n < 5000; n += 1) {
    at = n % 3 === 0 ? zoom.pan(at, random() * 4 - 2, BOUNDS) : n % 3 === 1 ? zoom.zoom(at, 0.2 + random() * 3, random(), BOUNDS)
      : zoom.pinch(at, [random(), random()].sort(), [random(), random()].sort(), BOUNDS);
    assert.ok(at.from >= BOUNDS.from - 1e-6 && at.to <= BOUNDS.to + 1e-6 && at.to - at.from >= zoom.SHORTEST_S - 1e-6, JSON.stringify(at));
  }
});

test("two fingers hold what is under them", () => {
  const from = { from: 400_000, to: 600_000 };
  const to = zoom.pinch(from, [0.25, 0.75], [0.1, 0.9], BOUNDS);
  const under = (span, share) => span.from + share * (span.to - span.from);
  close(under(from, 0.25), under(to, 0.1));
  close(under(from, 0.75), under(to, 0.9));
});

test("panning past the end stops without stretching", () => {
  assert.deepEqual(zoom.pan({ from: 900_000, to: 950_000 }, 100, BOUNDS), { from: 950_000, to: 1_000_000 });
});

test("what ends now follows now, what was panned away stays", () => {
  assert.deepEqual(zoom.follow({ from: 0, to: 3600 }, 3600, 3660), { from: 60, to: 3660 });
  const away = { from: 0, to: 3000 };
  assert.equal(zoom.follow(away, 3600, 3660), away);
});

test("addresses and what they show are the same", () => {
  for (const address of ["/", "/energy", "/energy/day/2026-10-25", "/energy/week/2026-W43", "/energy/month/2026-10?compare=year", "/energy?as=cost", "/energy/month/2026-10?compare=off&as=cost", "/energy/year/2026?compare=off", "/energy/total", "/energy/week",
    "/history", "/history?from=2026-10-25T00:00:00Z&to=2026-10-26T00:00:00Z&as=energy", "/meters", "/health"]) {
    const [path, query = ""] = address.split("?");
    assert.equal(route.address(route.parse(path, query)), address);
  }
  for (const address of ["/x", "/energy/decade", "/energy/day/2026-02-30", "/energy/day/2026-10-25/x", "/meters/x", "/now"]) assert.equal(route.parse(address, ""), null, address);
  const swapped = route.parse("/history", "from=2026-10-26T00:00:00Z&to=2026-10-25T00:00:00Z");
  assert.equal(swapped.from, null);
});

const windows = (extra = {}) => ({
  level: "5m", width_s: 300, start_s: 600, starts_s: null,
  meters: [{ meter: "a", role: "import", imp_per_kwh: 1000, pulses: [25, null, 50], mean_w: [300, null, 600], min_w: [200, null, 600], max_w: [400, null, 600], watched_s: [300, 0, 300] }], ...extra,
});

test("windows become steps that reach to the last window's end, gaps stay gaps", () => {
  const all = columns(windows(), "power");
  assert.deepEqual(all.x, [600, 900, 1200, 1500]);
  assert.deepEqual(all.meters[0].value, [0.3, null, 0.6, 0.6]);
  assert.deepEqual(all.unwatched, [[900, 1200]]);
  assert.deepEqual(columns(windows(), "energy").meters[0].value, [0.025, null, 0.05, 0.05]);
});

test("local days of 25 hours are drawn from begin to begin", () => {
  const all = windows({ level: "1d", width_s: null, start_s: null, starts_s: [0, 86_400, 176_400, 262_800] });
  assert.deepEqual(starts(all), [0, 86_400, 176_400]);
  assert.equal(columns(all, "power").x.at(-1), 262_800);
});

test("the power of an interval stands from the pulse before to the pulse that ends it", () => {
  const raw = { level: "raw", meters: [
    { meter: "a", role: "import", imp_per_kwh: 1000, at_ms: [1000, 4000, 5000], power_w: [null, 1200, 3600], is_estimated: [false, false, false], unwatched_s: [] },
    { meter: "b", role: "export", imp_per_kwh: 1000, at_ms: [2000], power_w: [null], is_estimated: [false] }] };
  const all = columns(raw, "power");
  assert.deepEqual(all.x, [1, 2, 4, 5]);
  assert.deepEqual(all.meters[0].value, [1.2, 1.2, 3.6, 3.6]);
  assert.deepEqual(all.meters[1].value, [null, null, null, null]);
});

test("no window, no pulse: nothing breaks", () => {
  const none = columns({ level: "1m", width_s: 60, start_s: 0, starts_s: null, meters: [] }, "power");
  assert.deepEqual(none.x, []);
  assert.deepEqual(columns({ level: "raw", meters: [] }, "power").x, []);
  assert.equal(indexAt([], 5), -1);
});

test("the window that an instant is in", () => {
  assert.deepEqual([5, 10, 19, 20, 99].map((s) => indexAt([10, 20, 30], s)), [-1, 0, 0, 1, 2]);
});

test("the day's power: self-consumption is never negative, the base load is of the night", () => {
  const meter = (role, mean_w) => ({ meter: role, role, imp_per_kwh: 1000, pulses: [], mean_w, min_w: [], max_w: [], watched_s: [] });
  const history = { start_s: 0, width_s: 3600, meters: [meter("import", [300, 0, 50, null]), meter("export", [0, 510, 0, 0]), meter("generation", [0, 500, 100, 0])] };
  const shown = dayPower(history, true, (role) => role, (s) => s / 3600 + 4);
  assert.deepEqual(shown.series.map((one) => one.watts), [[0, 0, 100, null], [300, 0, 50, null], [0, 510, 0, 0]]);
  assert.equal(shown.base, 300);
  assert.equal(dayPower(history, false, (role) => role, () => 0).isStacked, false);
});

test("a sparkline has a gap where nothing is known", () => {
  const { outline } = paths([1, null, 2], 30, 10);
  assert.equal(outline.match(/M/g).length, 2);
  assert.equal(paths([], 30, 10).outline, "");
});

test("a loss of a moment is seen on the line of years", () => {
  const all = marks({ unwatched: [{ meter: "a", from_s: 50, until_s: null }], entries: [{ meter: "a", cause: "restored", lost: false, first_ns: 1e9, last_ns: 25e9 }], dated: [{ meter: "a", cause: "restored", lost: false, first_ns: 25e9, last_ns: 25e9 }] }, 0, 100);
  assert.deepEqual(all, [{ kind: "unwatched", meter: "a", from: 0.5, to: 1 }, { kind: "restored", meter: "a", from: 0.25, to: 0.25 }]);
});

test("losses of each quarter of an hour are one mark on the line of years, and those between them are not", () => {
  const lost = (n, meter) => ({ meter, cause: "refused", lost: true, first_ns: n * 900e9, last_ns: n * 900e9 + 5e9 });
  const dated = [...Array(2000).keys()].map((n) => lost(n, "a"));
  const all = marks({ unwatched: [], entries: [], dated: [...dated, lost(9000, "b"), lost(9000, "a")] }, 0, 9e6);
  assert.deepEqual(all.map(({ meter, from, to }) => [meter, from.toFixed(3), to.toFixed(3)]), [["a", "0.000", "0.200"], ["a", "0.900", "0.900"], ["b", "0.900", "0.900"]]);
});

test("a minute that is told while the last sixty are asked for is not missed", async () => {
  const { fetch } = globalThis;
  const before = { ...state };
  Object.assign(state, { now: { as_of: "2026-06-12T10:00:30Z" }, receivedMs: performance.now() });
  const end = Date.parse("2026-06-12T10:00:00Z") / 1000;
  const told = (n) => ({ start_s: end + n * 60, width_s: 60, meters: [{ meter: "Import", mean_w: n }] });
  try {
    let answer = (_response) => {};
    globalThis.fetch = () => new Promise((resolve) => (answer = resolve));
    const hour = new Hour();
    for (const from of [0, 2]) {
      const loaded = hour.load();
      assert.ok(hour.append(told(from)));
      answer(Response.json({ meters: [{ meter: "Import", mean_w: Array(60).fill(7) }] }));
      await loaded;
      assert.ok(hour.append(told(from + 1)), "none is missing before it");
      assert.deepEqual(hour.watts.get("Import").slice(-3), [7, from, from + 1]);
      state.now.as_of = "2026-06-12T10:02:30Z";
    }
  } finally {
    globalThis.fetch = fetch;
    Object.assign(state, before);
  }
});

test("minutes are appended one after the other, and what is missing is told", () => {
  const hour = new Hour();
  const minute = (start_s, mean_w) => ({ start_s, width_s: 60, meters: [{ meter: "Import", mean_w }] });
  assert.equal(hour.append(minute(0, 1)), true, "nothing was asked for yet");
  hour.watts.set("Import", Array.from({ length: 60 }, () => 100));
  hour.endS = 3_600;
  assert.equal(hour.append(minute(3_540, 7)), true, "it was in the answer, and is whole now");
  assert.deepEqual([hour.watts.get("Import").length, ...hour.watts.get("Import").slice(-2)], [60, 100, 7]);
  assert.equal(hour.append(minute(-60, 9)), true, "longer ago than is shown");
  assert.equal(hour.append(minute(0, 9)), true);
  assert.deepEqual(hour.watts.get("Import").slice(0, 2), [9, 100]);
  assert.equal(hour.append(minute(3_600, 400)), true);
  assert.equal(hour.append(minute(3_660, null)), true, "not watched");
  assert.deepEqual([hour.watts.get("Import").length, ...hour.watts.get("Import").slice(-2)], [60, 400, null]);
  assert.equal(hour.append(minute(3_780, 1)), false, "a minute before it is not known");
  assert.deepEqual([...hour.quarter(3_600)], [["Import", 400]]);
  assert.deepEqual([...hour.quarter(2_700)], [["Import", 93.8]], "14 minutes of 100, one of 7");
  assert.equal(hour.quarter(4_500).size, 0);
  assert.equal(hour.quarter(-3_600).size, 0, "longer ago than is known");
});

test("today grows by the quarter, over what was not watched too", () => {
  const history = { start_s: 0, width_s: 900, meters: [{ meter: "Import", role: "import", mean_w: [100, 200] }] };
  putQuarter(history, 900, new Map([["Import", 250]]));
  putQuarter(history, 2_700, new Map([["Import", 300]]));
  assert.deepEqual(history.meters[0].mean_w, [100, 250, null, 300]);
  putQuarter(history, -900, new Map([["Import", 1]]));
  putQuarter(history, 3_600, new Map());
  assert.equal(history.meters[0].mean_w.length, 4);
  // A day of 25 hours has as many rows, as far as it has come.
  const shown = { from: 0, to: 25 * 3_600, startS: 0, widthS: 900, series: [{ watts: [100, 200, null, null, null, 400] }] };
  assert.deepEqual(byHour(shown, 90_000).length, 25);
  assert.deepEqual(byHour(shown, 7_000).map((row) => row.watts[0]), [150, 400]);
});

test("a running span grows by what today has come to since", () => {
  const now = (pulses, house) => ({ today: { derived: { house_wh: house, self_wh: null } }, meters: [{ meter: "Import", today: { pulses, energy_wh: pulses * 2, watched_s: pulses } }] });
  const span = () => ({
    starts_s: [0, 100, 200], dates: ["a", "b"], house_wh: [5, null], self_wh: null, derived: { house_wh: 5, self_wh: null },
    meters: [{ meter: "Import", pulses: [3, 1], energy_wh: [6, null], watched_s: [9, 1], total: { pulses: 4, energy_wh: 8, watched_s: 10 } }],
  });
  const grown = span();
  assert.equal(sums.grow(grown, sums.todayOf(now(10, 20)), sums.todayOf(now(13, 27)), 150), true);
  assert.deepEqual(grown.meters[0], { meter: "Import", pulses: [3, 4], energy_wh: [6, 6], watched_s: [9, 4], total: { pulses: 7, energy_wh: 14, watched_s: 13 } });
  assert.deepEqual([grown.house_wh, grown.derived.house_wh, grown.derived.self_wh], [[5, 7], 12, null]);
  assert.equal(sums.todayOf(now(null, null)), null, "nothing is added to what is not known");
  const over = span();
  assert.equal(sums.grow(over, sums.todayOf(now(1, 1)), sums.todayOf(now(2, 2)), 250), false);
  assert.deepEqual(over, span());
});

test("what was not watched between is hatched, not what is before and to come", () => {
  assert.deepEqual(unknown([[null, 1, null, null, 2, 3, null, 4, null]]), [[2, 4], [6, 7]]);
  assert.deepEqual(unknown([[1, 1, 1], [1, null, 1]]), [[1, 2]]);
  assert.deepEqual(unknown([[null, null]]), []);
  assert.deepEqual(unknown([]), []);
});

test("a face with known digits is shown with them", () => {
  assert.deepEqual(registerDigits(4321.57, "004321.570"), { whole: [..."004321"], tenth: "570" });
  assert.deepEqual(registerDigits(7, "07"), { whole: ["0", "7"], tenth: "" });
});

test("gas and water: flow falls with the silence, charts have a unit each", async () => {
  const { parted, main } = await import("../../src/web/page/js/sums.js");
  const { amount, rate } = await import("../../src/web/page/js/number.js");
  const gas = { power_w: null, imp_per_kwh: null, rate: 1.2, unit: "m3", pulses_per_unit: 100 };
  assert.equal(powerNow(gas, 30_000), 1.2);
  // 0.01 m³ in 71.5 s, late by 1.5 s.
  assert.equal(powerNow(gas, 73_500), 0.5);
  assert.equal(rate(0.5, "m3", "en-GB"), "0.500\u202fm³/h");
  assert.equal(rate(12.4, "l", "en-GB"), "12\u202fl/h");
  assert.equal(rate(431.7, undefined, "en-GB"), "432\u202fW");
  assert.equal(amount(1230, "m3", "en-GB"), "1.23\u202fm³");
  assert.equal(amount(null, "m3", "en-GB"), "–");
  const meter = (name, role, unit, amounts) => ({
    meter: name, role, unit, energy_wh: unit === "kWh" ? amounts : [null, null], amount: amounts, watched_s: [1, 1], pulses: [1, 1],
    total: { pulses: 2, energy_wh: unit === "kWh" ? 3 : null, amount: 3, watched_s: 2 },
  });
  const span = { dates: ["a", "b"], starts_s: [0, 1, 2], house_wh: [1, 2], self_wh: [0, 0], derived: { why: null },
    meters: [meter("Import", "import", "kWh", [1, 2]), meter("Gas", "other", "m3", [1, null]), meter("Rain", "other", "l", [5, 6])] };
  const parts = parted(span);
  assert.deepEqual(parts.map((part) => [part.unit, part.meters.map((one) => one.meter)]), [[undefined, ["Import"]], ["m3", ["Gas"]], ["l", ["Rain"]]]);
  assert.deepEqual(main(parts[1]).wh, [1000, null]);
  assert.equal(main(parts[0]).role, "house");
  assert.equal(parted({ ...span, meters: span.meters.slice(1) })[0].unit, "m3");
});

test("bars of money: what is paid above zero, what is earned below, and nothing of what was not counted", () => {
  const meter = (role, pulses) => ({ meter: role, role, energy_wh: pulses, pulses, watched_s: [1, 1, 1], total: { energy_wh: 1 } });
  const money = { currency: "EUR", import: "1.01", export: "-0.20", standing: "5.00", total: "5.81", parts: { import: ["1.0050", "0.0000", "0.0000"], export: ["0.0000", "-0.2000", "0.0000"] } };
  const span = { dates: ["a", "b", "c"], starts_s: [0, 1, 2, 3], derived: { why: null }, house_wh: [1, 2, 3], self_wh: [0, 0, 0], meters: [meter("import", [4, 0, null]), meter("export", [0, 3, null])], money };
  const costs = priced(span);
  const { stacked, series } = sums.series(costs);
  assert.ok(stacked);
  assert.deepEqual(series.map((one) => [one.role, one.wh.map((value) => value && Math.round(value))]), [["import", [1005, 0, null]], ["export", [0, -200, null]]]);
  assert.deepEqual(series.map((one) => [0, 1, 2].map((n) => Math.sign(sums.reach(one, n)))), [[1, 0, 0], [0, -1, 0]]);
  // Standing charges are of no part; a half of a cent is rounded as on a bill, though no binary fraction is one.
  assert.equal(sums.said(costs, sums.main(costs).total, "en-GB"), "€0.81");
  assert.equal(sums.said(costs, series[0].wh[0], "en-GB"), "€1.01");
  assert.equal(sums.said(costs, series[1].wh[1], "de-DE"), "\u22120,20\u00a0€");
  assert.equal(sums.said(costs, null, "en-GB"), "–");
  assert.equal(sums.main(span).role, "house");
  // A negative price turns a bar over.
  const paid = priced({ ...span, money: { ...money, parts: { import: ["-0.3000", "0", "0"], export: null } } });
  assert.deepEqual(paid.costs.series.map((one) => [one.role, sums.reach(one, 0)]), [["import", -300]]);
  assert.equal(priced({ ...span, money: null }), null);
  assert.equal(priced({ ...span, meters: [] }), null);
  // Who earned in one of the two has no ratio of them.
  const other = (wh) => ({ ...span, costs: { currency: "EUR", series: [], net: { role: "cost", wh, total: 0 } } });
  assert.equal(sums.change(other([-100, -100, null]), other([100, 100, null]), 9), null);
  assert.equal(sums.change(other([100, 100, null]), other([-100, -100, null]), 9), null);
  assert.equal(sums.change(other([100, 100, null]), other([50, 50, null]), 9).ratio, 1);
});

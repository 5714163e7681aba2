// The trust line: what it says of each state, and that it never says that all is kept where it is not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { condition } from "../../src/web/page/js/text.js";
import { trust } from "../../src/web/page/js/trust.js";

const well = {
  level: "ok", sentence: "", counting_since: "2026-05-03T10:00:00Z", lost: 0, restored: 0, unwatched_s: 0, running: true, counted: true,
  delivery: { state: "ok", backlog: 0, lag_s: 2.1, raw: true }, clock: null, conditions: [],
};
const said = (more) => trust({ ...well, ...more }, "Europe/Berlin").sentence.replaceAll("\u202f", " ");
const unread = { word: "line_not_read", severity: "critical", meter: "Export", sentence: "Export: NOT COUNTED", remedy: "" };
const silent = { word: "meter_silent", severity: "warning", meter: "Import", sentence: "Import: no pulse for longer than usual", remedy: "" };

test("all is well", () => {
  assert.equal(said({}), "All pulses since 3 May 2026 are kept. InfluxDB is 2 s behind.");
  assert.equal(said({ delivery: { ...well.delivery, lag_s: null } }), "All pulses since 3 May 2026 are kept. InfluxDB has them all.");
});

test("no server is no warning", () => {
  assert.equal(said({ delivery: null }), "All pulses since 3 May 2026 are kept. Kept here; no server is configured.");
});

test("no good news while pulses are missed, lost or may be", () => {
  for (const more of [{ running: false }, { conditions: [unread] }, { lost: 3 }, { unwatched_s: 60 }, { counting_since: null }, { counted: false }]) {
    assert.ok(!said(more).startsWith("All pulses"), said(more));
  }
  assert.equal(said({ counted: false, delivery: null }), "The journal is not open yet; what comes is kept in memory.");
  assert.match(said({ lost: 1 }), /^1 pulse lost since/);
  assert.match(said({ lost: 1234 }), /^1,234 pulses lost since/);
  assert.match(said({ conditions: [unread] }), /^NOT COUNTED: Export\./);
});

test("the one other thing is said, of several how many", () => {
  assert.match(said({ conditions: [silent] }), /Import: no pulse for longer than usual\.$/);
  assert.match(said({ conditions: [silent, { ...silent, meter: "Export" }] }), /2 things to look at\.$/);
  assert.ok(!said({ conditions: [{ ...silent, severity: "info" }] }).includes("usual"));
});

test("what is said begins with a capital letter, but for a meter's name", () => {
  const wrong = { word: "new_word", severity: "warning", meter: null, sentence: "the configuration in /etc has a problem", remedy: "" };
  assert.match(said({ conditions: [wrong] }), /s behind\. The configuration in \/etc has a problem\.$/);
  assert.match(said({ conditions: [{ ...wrong, sentence: "österreich" }] }), / Österreich\.$/);
  assert.match(said({ conditions: [{ ...silent, meter: "pump", sentence: "pump: no pulse" }] }), / pump: no pulse\.$/);
  assert.match(said({ conditions: [{ ...silent, meter: "pump", sentence: "no pulse" }] }), / pump: no pulse\.$/);
});

test("delivery that fails is said with what waits", () => {
  assert.match(said({ delivery: { state: "unreachable", backlog: 41_000, lag_s: 9000, raw: true } }), /does not take them: 41,000 wait\.$/);
});

test("nothing known, or a level that is not known, is no good news", () => {
  assert.equal(trust(undefined, "UTC").level, "warning");
  assert.equal(trust({ ...well, level: "worse" }, "UTC").level, "warning");
});

test("a condition that no table knows is told in the daemon's words", () => {
  const told = condition({ word: "new_word", severity: "warning", meter: null, sentence: "something new", remedy: "do this" });
  assert.deepEqual([told.sentence, told.remedy], ["something new", "do this"]);
});

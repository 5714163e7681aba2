// Local dates, periods and instants in the zone of the API.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as civil from "../../src/web/page/js/civil.js";
import * as moment from "../../src/web/page/js/moment.js";
import en from "../../src/web/page/texts/en.js";

test("periods begin and step by the calendar", () => {
  assert.equal(civil.first("week", "2026-10-25"), "2026-10-19");
  assert.equal(civil.first("month", "2026-10-25"), "2026-10-01");
  assert.equal(civil.step("day", "2026-03-01", -1), "2026-02-28");
  assert.equal(civil.step("day", "2028-02-28", 1), "2028-02-29");
  assert.equal(civil.step("week", "2026-10-25", 1), "2026-10-26");
  assert.equal(civil.step("month", "2026-01-31", -1), "2025-12-01");
  assert.equal(civil.step("month", "2026-12-31", 1), "2027-01-01");
  assert.equal(civil.step("year", "2026-05-05", -3), "2023-01-01");
});

test("ISO weeks, also over the turn of the year", () => {
  for (const [date, week] of [["2026-10-25", "2026-W43"], ["2027-01-01", "2026-W53"], ["2024-12-30", "2025-W01"], ["2021-01-03", "2020-W53"]]) {
    assert.equal(civil.isoWeek(date), week);
    assert.equal(civil.fromIsoWeek(week), civil.monday(date));
  }
  assert.equal(civil.fromIsoWeek("2025-W53"), null);
});

test("a slug and its period are the same, of every day of eleven years", () => {
  for (let date = "2020-01-01"; date < "2031-01-01"; date = civil.addDays(date, 1)) {
    for (const period of ["day", "week", "month", "year"]) {
      const first = civil.first(period, date);
      assert.equal(civil.fromSlug(period, civil.slug(period, first)), first);
      assert.ok(first <= date && date < civil.step(period, date, 1));
    }
  }
});

test("what is no date is refused", () => {
  for (const [period, slug] of [["day", "2026-02-30"], ["day", "x"], ["month", "2026-13"], ["year", "26"], ["week", "2026-43"]]) assert.equal(civil.fromSlug(period, slug), null);
});

test("hours of a day with 25 and with 23 hours", () => {
  const second = (hour) => `${hour} (2nd)`;
  const day = (from, hours) => moment.hourLabels(Array.from({ length: hours }, (_, n) => Date.parse(from) / 1000 + n * 3600), "Europe/Berlin", "en-GB", second);
  const autumn = day("2026-10-24T22:00:00Z", 25);
  assert.deepEqual(autumn.slice(1, 5), ["01:00", "02:00", "02:00 (2nd)", "03:00"]);
  assert.equal(new Set(autumn).size, 25);
  const spring = day("2026-03-28T23:00:00Z", 23);
  assert.deepEqual(spring.slice(1, 3), ["01:00", "03:00"]);
});

test("half-hour zones", () => {
  assert.equal(moment.clock(Date.parse("2026-10-25T00:00:00Z"), "Asia/Kathmandu", "en-GB"), "05:45");
  assert.equal(moment.localDate(Date.parse("2026-10-25T18:15:00Z"), "Asia/Kathmandu"), "2026-10-26");
  assert.equal(moment.fromInput("2026-10-26T00:00", "Asia/Kathmandu"), Date.parse("2026-10-25T18:15:00Z"));
  assert.equal(moment.fromInput("2026-10-04T02:15", "Australia/Lord_Howe"), Date.parse("2026-10-03T15:45:00Z"));
});

test("a local time becomes the instant and back, in seven zones, over a year", () => {
  for (const zone of ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "UTC"]) {
    for (let ms = Date.parse("2026-01-01T00:15:00Z"); ms < Date.parse("2027-01-01T00:00:00Z"); ms += 11 * 3_600_000) {
      const local = moment.toInput(ms, zone);
      const again = moment.fromInput(local, zone);
      assert.equal(moment.toInput(again, zone), local, `${zone} ${local}`);
      assert.ok(again <= ms, "the earlier of two");
    }
  }
});

test("a time that a clock skips is taken as from a clock that was not set forward", () => {
  assert.equal(moment.fromInput("2026-03-29T02:30", "Europe/Berlin"), Date.parse("2026-03-29T01:30:00Z"));
  // In Cairo midnight itself does not exist on that day.
  assert.equal(moment.fromInput("2026-04-24T00:00", "Africa/Cairo"), Date.parse("2026-04-23T22:00:00Z"));
  assert.equal(moment.fromInput("nonsense", "UTC"), null);
});

test("spans in words", () => {
  const shown = (s) => moment.span(s, en).replaceAll("\u202f", " ");
  assert.deepEqual([0, 59, 60, 125, 601, 3600, 7_500, 86_400, 200_000, 900_000].map(shown),
    ["0 s", "59 s", "1 min", "2 min 5 s", "10 min", "1 h", "2 h 5 min", "1 d", "2 d 7 h", "10 d"]);
});

test("a week's days share what they have in common", () => {
  const shown = (from, to) => moment.ofDates(from, to, "en-GB").replaceAll(/[\u2009\u202f]/g, " ");
  assert.match(shown("2026-07-13", "2026-07-19"), /^13\s?–\s?19 Jul 2026$/);
  assert.match(shown("2026-12-28", "2027-01-03"), /^28 Dec 2026\s–\s3 Jan 2027$/);
});

// How numbers are shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as n from "../../src/web/page/js/number.js";

const EN = "en-GB";
const DE = "de-DE";
const plain = (text) => text.replaceAll("\u202f", " ");

test("power: watts below one kilowatt, then two decimals, one from ten", () => {
  const cases = [[0, "0 W"], [0.4, "0 W"], [-0.4, "0 W"], [999.4, "999 W"], [1000, "1.00 kW"], [2104, "2.10 kW"], [9994, "9.99 kW"], [9996, "10.0 kW"], [12345, "12.3 kW"], [-1500, "\u22121.50 kW"]];
  for (const [watts, shown] of cases) assert.equal(plain(n.power(watts, EN)), shown);
  assert.equal(plain(n.power(2104, DE)), "2,10 kW");
  assert.equal(n.power(null, EN), "–");
});

test("the unit of power does not flap around one kilowatt", () => {
  let unit = "W";
  const units = [990, 1001, 990, 960, 951, 949, 980, 999].map((watts) => (unit = n.powerParts(watts, EN, unit).unit));
  assert.deepEqual(units, ["W", "kW", "kW", "kW", "kW", "W", "W", "W"]);
});

test("energy: two decimals below ten, one below a hundred, else none", () => {
  const cases = [[0, "0.00 kWh"], [-3, "0.00 kWh"], [9994, "9.99 kWh"], [9995, "10.0 kWh"], [99_949, "99.9 kWh"], [99_951, "100 kWh"], [1_234_567, "1,235 kWh"]];
  for (const [wh, shown] of cases) assert.equal(plain(n.energy(wh, EN)), shown);
  assert.equal(plain(n.energy(1_234_567, EN, 2)), "1,234.57 kWh");
});

test("never minus zero", () => {
  for (let e = 0; e < 6; e += 1) {
    assert.ok(!n.plain(-0.4 / 10 ** e, e, EN).includes("\u2212"), String(e));
    assert.ok(!n.plain(-0.4 / 10 ** e, e, EN).includes("-"));
  }
  assert.equal(n.money("-0.001", "EUR", EN), "€0.00");
  assert.equal(n.money("-0.84", "EUR", EN), "\u2212€0.84");
  assert.equal(n.money("1.005", "EUR", EN), "€1.01");
  assert.equal(n.money("-0.4", "JPY", EN), "JP¥0");
  assert.equal(n.money("-0.004", "TND", "de-DE"), "\u22120,004\u00a0TND");
  assert.equal(n.money("1.5", "points", EN), "1.50\u202fpoints");
  assert.deepEqual(["EUR", "CHF", "points"].map((currency) => n.currencySign(currency, EN)), ["€", "CHF", "points"]);
});

test("a ratio is clamped when it is shown", () => {
  assert.equal(plain(n.percent(1.004, EN)), "100 %");
  assert.equal(plain(n.percent(-0.01, EN)), "0 %");
  assert.equal(n.percent(null, EN), "–");
});

test("a register is cut off as on the face, never rounded up", () => {
  const shown = (kwh) => {
    const { whole, tenth } = n.registerDigits(kwh);
    return `${whole.join("")}.${tenth}`;
  };
  assert.equal(shown(12345.67), "12345.6");
  assert.equal(shown(7.99), "00007.9");
  assert.equal(shown(123456.7), "123456.7");
  assert.equal(shown(12345.6), "12345.6");
  assert.equal(shown(0.1 + 0.2), "00000.3");
});

test("bytes", () => {
  assert.equal(plain(n.bytes(0, EN)), "0 B");
  assert.equal(plain(n.bytes(48_300_000, EN)), "46.1 MiB");
});

test("what may be more is at least that; what is not known is not", () => {
  assert.equal(n.atLeast(1500, "kWh", true, EN), n.energy(1500, EN));
  assert.equal(n.atLeast(1500, "kWh", false, EN), `≥\u202f${n.energy(1500, EN)}`);
  assert.equal(n.atLeast(1500, "m3", false, EN), `≥\u202f${n.amount(1500, "m3", EN)}`);
  assert.equal(n.atLeast(null, "kWh", false, EN), "–");
});

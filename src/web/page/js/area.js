// The day's power as steps: self-consumption and above it import, export under zero; else each meter's own line. Keys move a
// reading along; a table says the same by the hour.

import { announce } from "./announce.js";
import { BOTTOM, TOP, valueAxis } from "./axis.js";
import { el, eachFrame, fill, onWidth, say, svg } from "./dom.js";
import { byHour, unknown } from "./day_power.js";
import { clock, hourLabels } from "./moment.js";
import { power } from "./number.js";
import { locale, t } from "./text.js";

/** @typedef {{from: number, to: number, startS: number, widthS: number, zone: string, series: {role: string, name: string, sign: 1 | -1, watts: (number | null)[]}[], isStacked: boolean, base: number | null, title: string, summary: string}} Shown */

const LEFT = 44;

/** @param {number} height */
export function areaChart(height) {
  const picture = svg("svg", { class: "area-chart", height, "aria-hidden": "true", focusable: "false" });
  const box = el("div", { class: "plot" }, picture);
  box.style.height = `${height}px`;
  const reading = el("p", { class: "reading" });
  const name = el("span", { class: "hidden", id: "area-name" });
  const summary = el("p", { class: "hidden", id: "area-summary" });
  const element = el("figure", {
    role: "group", tabindex: 0, class: "chart", "aria-labelledby": "area-name", "aria-describedby": "area-summary",
  }, name, box, reading, summary);
  /** @type {Shown | null} */
  let shown = null;
  let width = 0;
  let at = -1;
  const draw = eachFrame(() => {
    if (shown && width > 0) drawArea(picture, shown, width, height, at);
    if (shown) say(reading, at >= 0 ? sentence(shown, at) : shown.base === null ? "" : t("base.load", { p: power(shown.base, locale()) }));
  });
  onWidth(box, (now) => {
    width = now;
    draw();
  });
  /** @param {PointerEvent} event */
  const move = (event) => {
    if (!shown) return;
    const share = (event.clientX - picture.getBoundingClientRect().left - LEFT) / (width - LEFT);
    const n = Math.floor((shown.from + share * (shown.to - shown.from) - shown.startS) / shown.widthS);
    at = share >= 0 && n >= 0 && n < (shown.series[0]?.watts.length ?? 0) ? n : -1;
    draw();
  };
  picture.addEventListener("pointermove", move);
  picture.addEventListener("pointerdown", move);
  picture.addEventListener("pointerleave", () => {
    at = -1;
    draw();
  });
  const length = () => shown?.series[0]?.watts.length ?? 0;
  element.addEventListener("keydown", (event) => {
    if (!shown || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = length() - 1;
    const start = at < 0 ? last + 1 : at;
    const to = { ArrowLeft: start - 1, ArrowRight: at + 1, Home: 0, End: last, PageUp: start - 10, PageDown: at + 10 }[event.key];
    if (to !== undefined && last >= 0) {
      at = Math.max(0, Math.min(last, to));
      announce(sentence(shown, at));
    } else if (event.key === "Escape" && at >= 0) at = -1;
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  element.addEventListener("blur", () => {
    at = -1;
    draw();
  });
  return {
    element,
    /** @param {Shown} what */
    show(what) {
      shown = what;
      at = Math.min(at, length() - 1);
      say(name, what.title);
      say(summary, `${what.summary} ${t("area.hint")}`);
      draw();
    },
    /** The same numbers by the hour. @param {number} nowS */
    table: (nowS) => (shown ? table(shown, nowS) : el("table")),
  };
}

/** @param {Shown} shown @param {number} nowS */
function table(shown, nowS) {
  const l = locale();
  const rows = byHour(shown, nowS);
  /** @param {(number | null)[]} watts */
  const house = (watts) => shown.series.reduce((/** @type {number | null} */ sum, one, n) => (one.sign < 0 ? sum : sum === null || watts[n] === null ? null : sum + watts[n]), 0);
  const names = hourLabels([...rows.map((row) => row.start), rows.at(-1)?.end ?? shown.to], shown.zone, l, (label) => t("second.time", { t: label }));
  return el("table", null,
    el("caption", null, `${shown.title}, ${t("hour.means")}`),
    el("thead", null, el("tr", null, el("th", { scope: "col" }, t("part")), shown.isStacked && el("th", { scope: "col" }, t("house")), shown.series.map((one) => el("th", { scope: "col" }, one.name)))),
    el("tbody", null, rows.map((row, n) => el("tr", null, el("th", { scope: "row" }, `${names[n]}–${clock(row.end * 1000, shown.zone, l)}`),
      shown.isStacked && el("td", null, power(house(row.watts), l)), row.watts.map((watts) => el("td", null, power(watts, l)))))));
}

/** @param {Shown} shown @param {number} n */
function sentence(shown, n) {
  const l = locale();
  const from = (shown.startS + n * shown.widthS) * 1000;
  const span = `${clock(from, shown.zone, l)}–${clock(from + shown.widthS * 1000, shown.zone, l)}`;
  return `${span}: ${shown.series.map((one) => `${one.name} ${power(one.watts[n], l)}`).join(", ")}`;
}

/** @param {SVGElement} picture @param {Shown} shown @param {number} width @param {number} height @param {number} chosen */
function drawArea(picture, shown, width, height, chosen) {
  const { series, isStacked } = shown;
  const n = Math.max(0, ...series.map((one) => one.watts.length));
  const reach = (/** @type {1 | -1} */ sign) => Math.max(0, ...Array.from({ length: n }, (_, i) => {
    const values = series.filter((one) => one.sign === sign).map((one) => Math.max(0, one.watts[i] ?? 0));
    return isStacked ? values.reduce((a, b) => a + b, 0) : Math.max(0, ...values);
  }));
  const high = Math.max(200, reach(1)) / 1000;
  const low = -reach(-1) / 1000;
  const { y, drawn } = valueAxis(low, high, 4, "kW", { left: LEFT, width, height });
  const x = (/** @type {number} */ s) => LEFT + ((s - shown.from) / (shown.to - shown.from)) * (width - LEFT);
  const hours = width < 560 ? 6 : 3;
  for (let s = shown.from; s < shown.to; s += 900) {
    const name = clock(s * 1000, shown.zone, locale());
    if (name.endsWith(":00") && Number(name.slice(0, 2)) % hours === 0) {
      drawn.push(svg("text", { class: "axis", x: x(s).toFixed(1), y: height - 7, "text-anchor": s === shown.from ? "start" : "middle" }, String(Number(name.slice(0, 2)))));
    }
  }
  for (const [begin, end] of unknown(series.map((one) => one.watts))) {
    const left = x(shown.startS + begin * shown.widthS);
    drawn.push(svg("rect", { class: "unwatched", x: left.toFixed(1), y: TOP, width: (x(shown.startS + end * shown.widthS) - left).toFixed(1), height: height - TOP - BOTTOM }));
  }
  let floor = Array.from({ length: n }, () => 0);
  for (const one of series) {
    const base = one.sign > 0 && isStacked ? floor : Array.from({ length: n }, () => 0);
    const ends = one.watts.map((watts, i) => (watts === null ? null : base[i] + (one.sign * Math.max(0, watts)) / 1000));
    drawn.push(svg("path", { class: `${isStacked ? "solid" : "area"} ${one.role}`, d: ribbon(base, ends, shown, x, y, isStacked ? -2 * one.sign : 0) }));
    if (!isStacked) drawn.push(svg("path", { class: `line ${one.role}`, d: outline(ends, shown, x, y) }));
    if (one.sign > 0 && isStacked) floor = ends.map((end, i) => end ?? floor[i]);
  }
  if (shown.base !== null) {
    const at = y(shown.base / 1000);
    drawn.push(svg("line", { class: "base", x1: LEFT, x2: width, y1: at, y2: at }));
  }
  if (chosen >= 0) {
    drawn.push(svg("rect", { class: "chosen", x: x(shown.startS + chosen * shown.widthS), y: TOP, width: Math.max(1, x(shown.startS + shown.widthS) - x(shown.startS)), height: height - TOP - BOTTOM }));
  }
  picture.setAttribute("width", String(width));
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  fill(picture, drawn);
}

/**
 * Steps between a floor and their ends; a gap where an end is null.
 * @param {number[]} floor @param {(number | null)[]} ends @param {Shown} shown @param {(s: number) => number} x @param {(kw: number) => number} y
 * @param {number} apart pixels of the card's colour over what it stands on (below zero: upwards)
 */
function ribbon(floor, ends, shown, x, y, apart) {
  const base = (/** @type {number} */ k) => {
    const [from, to] = [y(floor[k]), y(/** @type {number} */ (ends[k]))];
    if (apart === 0 || (apart < 0 && floor[k] === 0)) return from;
    return apart < 0 ? Math.max(from + apart, to) : Math.min(from + apart, to);
  };
  let path = "";
  for (let i = 0; i < ends.length; ) {
    if (ends[i] === null) {
      i += 1;
      continue;
    }
    let last = i;
    while (last + 1 < ends.length && ends[last + 1] !== null) last += 1;
    let back = "";
    const place = (/** @type {number} */ n) => x(shown.startS + n * shown.widthS).toFixed(1);
    path += `M${place(i)} ${base(i).toFixed(1)}`;
    for (let k = i; k <= last; k += 1) {
      path += `V${y(/** @type {number} */ (ends[k])).toFixed(1)}H${place(k + 1)}`;
      back = `V${base(k).toFixed(1)}H${place(k)}${back}`;
    }
    path += `${back}Z`;
    i = last + 1;
  }
  return path;
}

/** @param {(number | null)[]} ends @param {Shown} shown @param {(s: number) => number} x @param {(kw: number) => number} y */
function outline(ends, shown, x, y) {
  let path = "";
  let isOpen = false;
  ends.forEach((end, n) => {
    if (end === null) {
      isOpen = false;
      return;
    }
    const [left, right] = [x(shown.startS + n * shown.widthS).toFixed(1), x(shown.startS + (n + 1) * shown.widthS).toFixed(1)];
    path += `${isOpen ? "" : `M${left} ${y(end).toFixed(1)}`}V${y(end).toFixed(1)}H${right}`;
    isOpen = true;
  });
  return path;
}

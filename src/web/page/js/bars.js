// Bars of energy: at most some 31 of them, as real elements. Self-consumption below, import above it, export under zero,
// what is compared with beside them, hatched. Keys move a reading along; a table says the same.

import { announce } from "./announce.js";
import { BOTTOM, TOP, valueAxis } from "./axis.js";
import { el, eachFrame, fill, onWidth, say, svg } from "./dom.js";
import { axisNames, partNames, periodName } from "./labels.js";
import { currencySign, exact, plain, symbol } from "./number.js";
import { isWatched, main, reach, said, series } from "./sums.js";
import { locale, t } from "./text.js";

/** @typedef {import("./types").EnergySpan} EnergySpan */
/**
 * @typedef {{
 *   span: EnergySpan, compared: EnergySpan | null, zone: string, nowS: number, first: string | null, title: string, summary: string,
 * }} Shown
 */

const LEFT = 40;
const GAP = 2;

/**
 * @param {{height: number, isSmall?: boolean, open?: (part: number) => void, out?: () => void}} options
 */
export function barChart(options) {
  const { height, isSmall = false } = options;
  const id = `bars-${(barChart.made += 1)}`;
  const picture = svg("svg", { class: "bars", height, "aria-hidden": "true", focusable: "false" });
  const reading = el("p", { class: "reading" });
  const summary = el("p", { class: "hidden", id: `${id}-summary` });
  const name = el("span", { class: "hidden", id: `${id}-name` });
  const box = el("div", { class: "plot" }, picture);
  box.style.height = `${height}px`;
  const figure = el("figure", {
    role: "group", tabindex: 0, class: "chart", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-summary`,
  }, name, box, reading, summary);
  /** @type {Shown | null} */
  let shown = null;
  let width = 0;
  let chosen = -1;
  /** The slots' places, of the last drawing. @type {{left: number, slot: number, n: number}} */
  let place = { left: LEFT, slot: 1, n: 0 };

  const draw = eachFrame(() => {
    if (shown && width > 0) place = drawBars(picture, shown, width, height, chosen);
    readOut();
  });
  onWidth(box, (now) => {
    width = now;
    draw();
  });

  const readOut = () => {
    if (!shown) return;
    say(reading, chosen >= 0 ? sentence(shown, chosen) : isSmall ? "" : shown.summary);
  };

  /** @param {number} n @param {boolean} spoken */
  const choose = (n, spoken) => {
    if (!shown) return;
    chosen = Math.max(-1, Math.min(place.n - 1, n));
    if (spoken && chosen >= 0) announce(sentence(shown, chosen));
    draw();
  };

  /** @param {PointerEvent | MouseEvent} event */
  const slotAt = (event) => {
    const x = event.clientX - picture.getBoundingClientRect().left;
    const n = Math.floor((x - place.left) / place.slot);
    return n >= 0 && n < place.n ? n : -1;
  };
  picture.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") choose(slotAt(event), false);
  });
  picture.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") choose(-1, false);
  });
  let pointer = "mouse";
  picture.addEventListener("pointerdown", (event) => (pointer = event.pointerType));
  picture.addEventListener("click", (event) => {
    const n = slotAt(event);
    // A finger reads first and opens then.
    if (n >= 0 && (pointer === "mouse" || n === chosen)) options.open?.(n);
    else choose(n, false);
  });
  figure.addEventListener("keydown", (event) => {
    const to = {
      ArrowLeft: chosen - 1, ArrowRight: chosen + 1, Home: 0, End: place.n - 1, PageUp: chosen - 10, PageDown: chosen + 10,
    }[event.key];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (to !== undefined) choose(Math.max(0, to), true);
    else if (event.key === "Enter" && chosen >= 0) options.open?.(chosen);
    else if (event.key === "Escape" && chosen >= 0) choose(-1, false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  figure.addEventListener("blur", () => choose(-1, false));

  return {
    element: figure,
    /** @param {Shown} what */
    show(what) {
      shown = what;
      chosen = Math.min(chosen, what.span.dates.length - 1);
      say(name, what.title);
      say(summary, `${what.summary} ${options.open ? t("part.hint") : ""}`);
      draw();
    },
    /** The same numbers as a table. */
    table: () => (shown ? table(shown) : el("table")),
  };
}
barChart.made = 0;

/** "14:00–15:00: self 1.20 kWh, import 0.30 kWh". @param {Shown} shown @param {number} n */
function sentence(shown, n) {
  const l = locale();
  const { span } = shown;
  const { series: all } = series(span);
  const values = all.map((one) => `${roleName(one)} ${said(span, one.wh[n], l)}`);
  const of = main(span);
  if (of && all.length > 1) values.unshift(`${t(of.role)} ${said(span, of.wh[n], l)}`);
  const other = shown.compared ? main(shown.compared) : null;
  if (shown.compared && other && n < other.wh.length) {
    const part = partNames(shown.compared, shown.zone)[n];
    values.push(`${shown.compared.part === "hour" ? periodName(shown.compared, shown.zone) : part}: ${said(shown.compared, other.wh[n], l)}`);
  }
  const isNone = all.every((one) => one.wh[n] === null);
  const watched = isWatched(shown.span, n, shown.nowS, shown.first) ? "" : ` (${t(isNone ? "not.watched.all" : "not.watched")})`;
  return `${partNames(shown.span, shown.zone)[n]}: ${values.join(", ")}${watched}`;
}

/** @param {import("./sums.js").Series} one */
function roleName(one) {
  return one.key === one.role ? t(one.role) : one.key;
}

/** @param {Shown} shown */
function table(shown) {
  const l = locale();
  const { span, compared } = shown;
  const { series: all } = series(span);
  const unit = span.costs?.currency ?? symbol(span.unit);
  const names = partNames(span, shown.zone);
  const of = all.length > 1 ? main(span) : null;
  const other = compared ? main(compared) : null;
  const otherNames = compared ? partNames(compared, shown.zone) : [];
  const amounts = amountsOf(span);
  // As many as a bill has.
  const places = (span.money?.total ?? ".00").split(".")[1]?.length ?? 0;
  const cell = (/** @type {number | null | undefined} */ wh) => el("td", null, wh === null || wh === undefined ? "–" : plain(exact(wh) ?? 0, span.costs ? places : 2, l));
  const head = el("tr", null,
    el("th", { scope: "col" }, t("part")),
    all.map((one) => el("th", { scope: "col" }, `${roleName(one)}, ${unit}`)),
    of && el("th", { scope: "col" }, `${t(of.role)}, ${unit}`),
    amounts.map((one) => el("th", { scope: "col" }, `${t(one.role)}, ${span.money?.currency}`)),
    other && [el("th", { scope: "col" }, compared?.part === "hour" ? periodName(compared, shown.zone) : t("against")), el("th", { scope: "col" }, unit)]);
  const rows = names.map((part, n) => el("tr", null,
    el("th", { scope: "row" }, part),
    all.map((one) => cell(one.wh[n])),
    of && cell(of.wh[n]),
    amounts.map((one) => el("td", null, plain(one.parts[n], places, l))),
    other && [el("td", null, otherNames[n] ?? ""), cell(other.wh[n])]));
  const sum = (/** @type {(number | null)[]} */ wh) => wh.reduce((/** @type {number} */ a, b) => a + (b ?? 0), 0);
  // Of money what is on the bill: a sum of what was rounded may be another.
  const total = (/** @type {{wh: (number | null)[], total?: number | null}} */ one) => cell(span.costs ? one.total : sum(one.wh));
  const foot = el("tr", null,
    el("th", { scope: "row" }, t("sum")), all.map(total), of && total(of),
    amounts.map((one) => el("td", null, plain(one.sum ?? 0, places, l))), other && [el("td"), total(other)]);
  return el("table", null, el("caption", null, shown.title), el("thead", null, head), el("tbody", null, rows), el("tfoot", null, foot));
}

/** What the energy of each part costs, and of all as it is on a bill. @param {EnergySpan} span */
function amountsOf(span) {
  if (!span.money || span.costs) return [];
  const { parts, import: bought, export: sold } = span.money;
  return [{ role: "import", parts: parts.import, sum: bought }, { role: "export", parts: parts.export, sum: sold }]
    .flatMap(({ role, parts: each, sum }) => (each ? [{ role, parts: each, sum }] : []));
}

/**
 * @param {SVGElement} picture @param {Shown} shown @param {number} width @param {number} height @param {number} chosen
 */
function drawBars(picture, shown, width, height, chosen) {
  const { span, compared, zone, nowS } = shown;
  const { stacked, series: all } = series(span);
  const other = compared ? columns(compared) : null;
  const own = columns(span);
  const n = span.dates.length;
  const slots = Math.max(n, other ? Math.min(other.length, n + 3) : 0);
  const highs = [...own, ...(other ?? [])];
  const high = Math.max(100, ...highs.map((column) => column.up)) / 1000;
  const low = Math.min(0, ...highs.map((column) => -column.down)) / 1000;
  // Room for the longest number of the axis.
  const edge = LEFT + 7 * Math.max(0, plain(Math.max(high, -low), 0, locale()).length + (low < 0 && span.costs ? 1 : 0) - 5);
  const slot = (width - edge) / Math.max(1, slots);
  const { y, drawn } = valueAxis(low, high, height < 180 ? 4 : 5, span.costs ? currencySign(span.costs.currency, locale()) : symbol(span.unit),
    { left: edge, width, height, isSigned: Boolean(span.costs) });
  const labels = axisNames(span, zone, slot);
  const inner = Math.max(2, Math.min(slot * 0.82, 72));
  const ghost = other ? inner * 0.36 : 0;
  for (let i = 0; i < slots; i += 1) {
    const middle = edge + (i + 0.5) * slot;
    const left = middle - inner / 2;
    if (i === chosen) drawn.push(svg("rect", { class: "chosen", x: edge + i * slot, y: TOP - 6, width: slot, height: height - TOP - BOTTOM + 12, rx: 4 }));
    if (i < n && !isWatched(span, i, nowS, shown.first)) {
      const seen = Math.max(2, slot - 2);
      drawn.push(svg("rect", { class: "unwatched", x: edge + i * slot + 1, y: TOP, width: seen, height: height - TOP - BOTTOM }));
    }
    if (other && i < other.length) {
      drawn.push(...bar(left, ghost - 1, y(0), y(other[i].up / 1000), "ghost"), ...bar(left, ghost - 1, y(0), y(-other[i].down / 1000), "ghost"));
    }
    if (i < n) {
      const at = other ? left + ghost : left;
      drawn.push(...(stacked ? stack(all, i, at, inner - ghost, y) : beside(all, i, at, inner - ghost, y)));
      if (labels[i]) drawn.push(svg("text", { class: "axis", x: middle, y: height - 7, "text-anchor": "middle" }, labels[i]));
    }
  }
  picture.setAttribute("width", String(width));
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  fill(picture, drawn);
  return { left: edge, slot, n };
}

/** How far each part reaches up and down. @param {EnergySpan} span */
function columns(span) {
  const { stacked, series: all } = series(span);
  return span.dates.map((_, n) => {
    const far = all.map((one) => reach(one, n));
    const sum = (/** @type {number[]} */ values) => values.reduce((a, b) => (stacked ? a + Math.max(0, b) : Math.max(a, b)), 0);
    return { up: sum(far), down: sum(far.map((value) => -value)) };
  });
}

/** @param {import("./sums.js").Series[]} all @param {number} n @param {number} x @param {number} width @param {(kwh: number) => number} y */
function stack(all, n, x, width, y) {
  /** @type {SVGElement[]} */
  const drawn = [];
  let [up, down] = [0, 0];
  for (const one of all) {
    const value = reach(one, n) / 1000;
    if (value > 0) {
      // Two pixels of the card's colour lie between what is stacked.
      const [from, to] = [y(up) - (up > 0 ? GAP : 0), y(up + value)];
      if (to < from) drawn.push(...bar(x, width, from, to, `fill ${one.role}`));
      up += value;
    } else {
      const [from, to] = [y(down) + GAP, y(down + value)];
      if (to > from) drawn.push(...bar(x, width, from, to, `fill ${one.role}`));
      down += value;
    }
  }
  return drawn;
}

/** @param {import("./sums.js").Series[]} all @param {number} n @param {number} x @param {number} width @param {(kwh: number) => number} y */
function beside(all, n, x, width, y) {
  const each = width / all.length;
  return all.flatMap((one, i) => {
    return bar(x + i * each, Math.max(1, each - 1), y(0), y(reach(one, n) / 1000), `fill ${one.role}`);
  });
}

/** A bar from one height to another; none where there is nothing. @param {number} x @param {number} width @param {number} from @param {number} to @param {string} name */
function bar(x, width, from, to, name) {
  const size = Math.abs(from - to);
  if (size < 0.5) return [];
  const radius = Math.min(3, width / 3, size / 2);
  return [svg("rect", { class: name, x: x.toFixed(1), y: Math.min(from, to).toFixed(1), width: Math.max(1, width).toFixed(1), height: size.toFixed(1), rx: radius.toFixed(1) })];
}

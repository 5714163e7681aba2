// The history's chart: uPlot within our own rules. Steps for means, a band from the least to the most, hatching where
// nothing was watched, the zone of the API, the theme's colours, pan and pinch by pointer events.

import { eachFrame, onWidth } from "./dom.js";
import { later } from "./later.js";
import { isElectric, plain, symbol } from "./number.js";
import { clock, clockSeconds, ofDate, localDate } from "./moment.js";
import { locale } from "./text.js";
import { pan, pinch, zoom } from "./zoom.js";

/** @typedef {import("./zoom.js").Span} Span */

/** @type {Record<string, number[] | undefined>} */
const DASHES = { export: [6, 3], other: [2, 2] };

/** Loads uPlot and its style, once. */
async function load() {
  const base = new URL("../vendor/", import.meta.url);
  if (!document.querySelector("link[data-uplot]")) {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = new URL("uplot.css", base).href;
    link.dataset.uplot = "";
    document.head.append(link);
  }
  return (await later(() => import("../vendor/uplot.js"))).default;
}

/**
 * @param {HTMLElement} box its height is fixed by the style
 * @param {{zone: () => string, bounds: () => Span, moved: (span: Span) => void, cursor: (s: number | null) => void}} hooks
 */
export async function plot(box, hooks) {
  const uPlot = await load();
  /** @type {any} */
  let made = null;
  /** @type {import("./columns.js").Columns | null} */
  let shown = null;
  /** @type {Span} */
  let span = { from: 0, to: 1 };
  let key = "";
  const colours = new Map();
  /** @param {string} name */
  const colour = (name) => {
    if (!colours.has(name)) colours.set(name, getComputedStyle(box).getPropertyValue(`--${name}`).trim() || "#888");
    return colours.get(name);
  };
  const forget = () => {
    colours.clear();
    made?.redraw(false);
  };
  document.addEventListener("themechange", forget);

  const size = () => ({ width: Math.max(200, box.clientWidth), height: Math.max(160, box.clientHeight) });
  const resize = eachFrame(() => made?.setSize(size()));
  const unwatchWidth = onWidth(box, resize);

  /** @param {any} u */
  const hatch = (u) => {
    if (!shown) return;
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = colour("hatch");
    for (const [from, to] of shown.unwatched) {
      const left = Math.max(u.bbox.left, u.valToPos(from, "x", true));
      const right = Math.min(u.bbox.left + u.bbox.width, u.valToPos(to, "x", true));
      for (let x = left; x < right; x += 6 * devicePixelRatio) ctx.fillRect(x, u.bbox.top, Math.min(2 * devicePixelRatio, right - x), u.bbox.height);
    }
    ctx.restore();
  };

  /** @param {number[]} splits */
  const times = (/** @type {any} */ _, /** @type {number[]} */ splits) => {
    const zone = hooks.zone();
    const l = locale();
    const step = splits.length > 1 ? splits[1] - splits[0] : 3600;
    let day = "";
    return splits.map((s) => {
      const date = localDate(s * 1000, zone);
      const isNew = date !== day;
      day = date;
      if (step >= 300 * 86_400) return date.slice(0, 4);
      if (step >= 27 * 86_400) return ofDate(date, l, { month: "short", year: "2-digit" });
      if (step >= 86_400) return ofDate(date, l, { day: "numeric", month: "short" });
      const at = step < 60 ? clockSeconds(s * 1000, zone, l) : clock(s * 1000, zone, l);
      return isNew ? `${at}\n${ofDate(date, l, { weekday: "short", day: "numeric", month: "short" })}` : at;
    });
  };

  /** @param {import("./columns.js").Columns} columns @param {string} unit */
  const build = (columns, unit) => {
    made?.destroy();
    const path = uPlot.paths.stepped({ align: 1 });
    // Electric meters have the left axis, each other unit one of its own on the right.
    const scaleOf = (/** @type {import("./types").Unit | undefined} */ of) => (isElectric(of) ? "y" : symbol(of));
    const scales = [...new Set(columns.meters.map((meter) => scaleOf(meter.unit)))];
    /** @type {any[]} */
    const series = [{}];
    /** @type {any[]} */
    const bands = [];
    columns.meters.forEach((meter, n) => {
      const stroke = () => colour(meter.role);
      const scale = scaleOf(meter.unit);
      series.push(
        { scale, paths: path, stroke: "transparent", points: { show: false } },
        { scale, paths: path, stroke: "transparent", points: { show: false } },
        { scale, paths: path, stroke, width: 1.75, dash: DASHES[meter.role], points: { show: false }, spanGaps: false },
      );
      bands.push({ series: [n * 3 + 2, n * 3 + 1], fill: () => colour("band") });
    });
    const range = (/** @type {any} */ _, /** @type {number} */ low, /** @type {number} */ high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.06 : 1];
    const steps = (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((v) => plain(v, splits.some((s) => Math.abs(s * 10 - Math.round(s * 10)) > 1e-6) ? 2 : splits.some((s) => Math.abs(s - Math.round(s)) > 1e-6) ? 1 : 0, locale()));
    const font = "12px system-ui, sans-serif";
    const axis = { stroke: () => colour("muted"), font, grid: { stroke: () => colour("line"), width: 1 }, ticks: { show: false } };
    made = new uPlot({
      ...size(), series, bands,
      tzDate: (/** @type {number} */ s) => uPlot.tzDate(s * 1000, hooks.zone()),
      legend: { show: false },
      padding: [22, 8, 0, 0],
      cursor: { drag: { setScale: false, x: false, y: false }, points: { show: false }, y: false },
      scales: { x: { time: true, auto: false, range: () => [span.from, span.to] }, ...Object.fromEntries((scales.length === 0 ? ["y"] : scales).map((one) => [one, { range }])) },
      axes: [
        { ...axis, values: times, space: 72, size: 44 },
        ...(scales.length === 0 ? ["y"] : scales).map((scale, n) => ({ ...axis, scale, size: 44, side: n === 0 ? 3 : 1, grid: { ...axis.grid, show: n === 0 }, values: steps })),
      ],
      hooks: {
        drawClear: [hatch],
        setCursor: [(/** @type {any} */ u) => hooks.cursor(u.cursor.left >= 0 ? u.posToVal(u.cursor.left, "x") : null)],
      },
    }, data(columns), box);
    const over = made.over;
    over.setAttribute("aria-hidden", "true");
    touch(over, () => span, { ...hooks, point: (share) => made.setCursor({ left: share * over.clientWidth, top: 10 }) });
  };

  /** @param {import("./columns.js").Columns} columns */
  const data = (columns) => [columns.x, ...columns.meters.flatMap((meter) => [meter.low, meter.high, meter.value])];

  const rescale = eachFrame(() => made?.setScale("x", { min: span.from, max: span.to }));

  return {
    /** Shows columns. @param {import("./columns.js").Columns} columns @param {string} unit @param {Span} of */
    show(columns, unit, of) {
      const next = JSON.stringify([columns.meters.map((meter) => [meter.meter, meter.role]), unit, locale()]);
      shown = columns;
      span = of;
      if (key !== next) {
        key = next;
        build(columns, unit);
      } else {
        made.setData(data(columns), false);
        made.setScale("x", { min: of.from, max: of.to });
        made.redraw(true, true);
      }
    },
    /** Moves what is drawn, before finer data are there. @param {Span} to */
    move(to) {
      span = to;
      rescale();
    },
    /** Shows or hides a meter. @param {number} n @param {boolean} isShown */
    toggle(n, isShown) {
      for (const k of [1, 2, 3]) made?.setSeries(n * 3 + k, { show: isShown });
    },
    /** Puts the reading's line to an instant. @param {number | null} s */
    point(s) {
      made?.setCursor(s === null ? { left: -10, top: -10 } : { left: made.valToPos(s, "x"), top: 10 }, false);
    },
    destroy() {
      unwatchWidth();
      document.removeEventListener("themechange", forget);
      made?.destroy();
      made = null;
    },
  };
}

/**
 * One finger reads, two pinch and pan; a mouse drags to pan, and its wheel zooms.
 * @param {HTMLElement} over @param {() => Span} now @param {{bounds: () => Span, moved: (span: Span) => void, point: (share: number) => void}} hooks
 */
function touch(over, now, hooks) {
  /** @type {Map<number, number>} */
  const fingers = new Map();
  /** @type {{span: Span, at: [number, number]} | null} */
  let from = null;
  const share = (/** @type {MouseEvent} */ event) => {
    const box = over.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
  };
  const two = () => /** @type {[number, number]} */ ([...fingers.values()].slice(0, 2).sort((a, b) => a - b));
  over.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button !== 0) return;
    fingers.set(event.pointerId, share(event));
    if (event.pointerType !== "mouse" && fingers.size === 1) hooks.point(share(event));
    if (event.pointerType === "mouse" || fingers.size === 2) {
      over.setPointerCapture(event.pointerId);
      const at = fingers.size === 2 ? two() : /** @type {[number, number]} */ ([share(event), share(event)]);
      from = { span: now(), at };
    }
  });
  over.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    fingers.set(event.pointerId, share(event));
    if (!from && event.pointerType !== "mouse") hooks.point(share(event));
    if (!from) return;
    if (fingers.size >= 2) hooks.moved(pinch(from.span, from.at, two(), hooks.bounds()));
    else if (event.pointerType === "mouse") hooks.moved(pan(from.span, from.at[0] - share(event), hooks.bounds()));
  });
  const end = (/** @type {PointerEvent} */ event) => {
    fingers.delete(event.pointerId);
    from = null;
  };
  over.addEventListener("pointerup", end);
  over.addEventListener("pointercancel", end);
  over.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && Math.abs(event.deltaX) > Math.abs(event.deltaY)) hooks.moved(pan(now(), event.deltaX / 800, hooks.bounds()));
    else hooks.moved(zoom(now(), Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), share(event), hooks.bounds()));
    event.preventDefault();
  }, { passive: false });
  over.addEventListener("dblclick", (event) => hooks.moved(zoom(now(), 0.4, share(event), hooks.bounds())));
}

// The strip under the history: all that there is, and the span that is shown, with two handles.

import { el, eachFrame, fill, onWidth, svg } from "./dom.js";
import { dateTime } from "./moment.js";
import { locale, t } from "./text.js";
import { clamp, pan } from "./zoom.js";

/** @typedef {import("./zoom.js").Span} Span */

const HEIGHT = 48;

/** @param {{zone: () => string, bounds: () => Span, moved: (span: Span) => void}} hooks */
export function overview(hooks) {
  const picture = svg("svg", { class: "overview-picture", height: HEIGHT, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" });
  const handle = (/** @type {string} */ name) => el("div", { class: "handle", role: "slider", tabindex: 0, "aria-label": t(name) });
  const [left, right] = [handle("overview.from"), handle("overview.to")];
  const pane = el("div", { class: "pane" });
  const element = el("div", { class: "overview", role: "group", "aria-label": t("overview") }, picture, pane, left, right);
  /** @type {(number | null)[]} */
  let values = [];
  /** @type {Span} */
  let span = { from: 0, to: 1 };
  let width = 0;

  const draw = eachFrame(() => {
    const bounds = hooks.bounds();
    const place = (/** @type {number} */ s) => Math.min(1, Math.max(0, (s - bounds.from) / Math.max(1, bounds.to - bounds.from)));
    const [from, to] = [place(span.from), place(span.to)];
    pane.style.left = `${from * 100}%`;
    pane.style.width = `max(2px, ${(to - from) * 100}%)`;
    left.style.left = `${from * 100}%`;
    right.style.left = `${to * 100}%`;
    for (const [slider, s] of /** @type {[HTMLElement, number][]} */ ([[left, span.from], [right, span.to]])) {
      slider.setAttribute("aria-valuemin", String(Math.round(bounds.from)));
      slider.setAttribute("aria-valuemax", String(Math.round(bounds.to)));
      slider.setAttribute("aria-valuenow", String(Math.round(s)));
      slider.setAttribute("aria-valuetext", dateTime(s * 1000, hooks.zone(), locale()));
    }
  });
  const paint = () => {
    const top = Math.max(1, ...values.map((value) => value ?? 0));
    const step = width / Math.max(1, values.length);
    let path = "";
    values.forEach((value, n) => {
      if (value === null) return;
      path += `M${(n * step).toFixed(1)} ${HEIGHT}V${(HEIGHT - (value / top) * (HEIGHT - 4)).toFixed(1)}h${Math.max(0.6, step).toFixed(1)}V${HEIGHT}Z`;
    });
    picture.setAttribute("viewBox", `0 0 ${Math.max(1, width)} ${HEIGHT}`);
    picture.setAttribute("width", String(Math.max(1, width)));
    fill(picture, svg("path", { class: "overview-area", d: path }));
  };
  onWidth(element, (now) => {
    width = now;
    paint();
    draw();
  });

  const seconds = (/** @type {PointerEvent} */ event) => {
    const box = element.getBoundingClientRect();
    const bounds = hooks.bounds();
    return bounds.from + ((event.clientX - box.left) / box.width) * (bounds.to - bounds.from);
  };
  /** @type {{what: "left" | "right" | "pane", at: number, span: Span} | null} */
  let held = null;
  element.addEventListener("pointerdown", (event) => {
    const what = event.target === left ? "left" : event.target === right ? "right" : "pane";
    let from = span;
    const at = seconds(event);
    if (event.target !== pane && what === "pane") {
      const half = (span.to - span.from) / 2;
      from = clamp({ from: at - half, to: at + half }, hooks.bounds());
      hooks.moved(from);
    }
    held = { what, at, span: from };
    element.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  element.addEventListener("pointermove", (event) => {
    if (!held) return;
    const by = seconds(event) - held.at;
    const { from, to } = held.span;
    const bounds = hooks.bounds();
    if (held.what === "pane") hooks.moved(pan(held.span, by / Math.max(1, to - from), bounds));
    else if (held.what === "left") hooks.moved(clamp({ from: Math.min(from + by, to - 60), to }, bounds));
    else hooks.moved(clamp({ from, to: Math.max(to + by, from + 60) }, bounds));
  });
  const end = () => (held = null);
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
  for (const slider of [left, right]) {
    slider.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -0.05, ArrowDown: -0.05, ArrowRight: 0.05, ArrowUp: 0.05, PageDown: -0.5, PageUp: 0.5 }[event.key];
      if (by === undefined) return;
      const bounds = hooks.bounds();
      const step = by * Math.max(60, span.to - span.from);
      hooks.moved(slider === left ? clamp({ from: Math.min(span.from + step, span.to - 60), to: span.to }, bounds)
        : clamp({ from: span.from, to: Math.max(span.to + step, span.from + 60) }, bounds));
      event.preventDefault();
      event.stopPropagation();
    });
  }
  return {
    element,
    /** @param {(number | null)[]} all */
    show(all) {
      values = all;
      paint();
      draw();
    },
    /** @param {Span} to */
    move(to) {
      span = to;
      draw();
    },
  };
}

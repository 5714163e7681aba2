// The last hour of a meter as a small stepped area. Redrawn once a minute.

import { svg } from "./dom.js";

const WIDTH = 120;
const HEIGHT = 32;

/** @param {string} role */
export function spark(role) {
  const area = svg("path", { class: `area ${role}` });
  const line = svg("path", { class: `line ${role}` });
  const element = svg("svg", {
    class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false",
  }, area, line);
  /** Draws values; null is a gap. @param {(number | null)[]} values */
  const draw = (values) => {
    const { outline, filled } = paths(values, WIDTH, HEIGHT);
    line.setAttribute("d", outline);
    area.setAttribute("d", filled);
  };
  return { element, draw };
}

/** @param {(number | null)[]} values @param {number} width @param {number} height */
export function paths(values, width, height) {
  const top = Math.max(1, ...values.map((value) => value ?? 0));
  const step = width / Math.max(1, values.length);
  let [outline, filled] = ["", ""];
  let isOpen = false;
  values.forEach((value, n) => {
    const [left, right] = [(n * step).toFixed(1), ((n + 1) * step).toFixed(1)];
    if (value === null) {
      if (isOpen) filled += `V${height}Z`;
      isOpen = false;
      return;
    }
    const y = (height - 1 - (Math.max(0, value) / top) * (height - 3)).toFixed(1);
    outline += isOpen ? `V${y}H${right}` : `M${left} ${y}H${right}`;
    filled += isOpen ? `V${y}H${right}` : `M${left} ${height}V${y}H${right}`;
    isOpen = true;
  });
  if (isOpen) filled += `V${height}Z`;
  return { outline, filled };
}

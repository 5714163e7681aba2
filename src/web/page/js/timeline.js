// Losses and stretches that were not watched, on a line of time from the first pulse until now.

import { svg } from "./dom.js";

/** @typedef {import("./types").Losses} Losses */

/**
 * Where each stretch lies, as shares of the line; each wide enough to be seen. Pure.
 * @param {Losses} losses @param {number} fromS @param {number} toS
 */
export function marks(losses, fromS, toS) {
  const place = (/** @type {number} */ s) => Math.min(1, Math.max(0, (s - fromS) / Math.max(1, toS - fromS)));
  const unwatched = losses.unwatched.map((stretch) => ({ kind: "unwatched", meter: stretch.meter, from: place(stretch.from_s ?? fromS), to: place(stretch.until_s ?? toS) }));
  const lost = losses.dated.map((loss) => ({
    kind: loss.lost ? "lost" : "restored", meter: loss.meter, from: place(loss.first_ns / 1e9), to: place(loss.last_ns / 1e9),
  }));
  return joined([...unwatched, ...lost]);
}

/** On a line of a thousand points nobody sees more: those of a kind that touch there are one. */
const TOUCH = 1 / 1000;

/** @param {{ kind: string, meter: string, from: number, to: number }[]} marks */
function joined(marks) {
  /** @type {Map<string, typeof marks>} */
  const kinds = new Map();
  for (const mark of marks) {
    const key = `${mark.kind} ${mark.meter}`;
    const all = kinds.get(key);
    if (all) all.push(mark);
    else kinds.set(key, [mark]);
  }
  return [...kinds.values()].flatMap((all) => {
    all.sort((one, other) => one.from - other.from);
    /** @type {typeof marks} */
    const found = [];
    for (const mark of all) {
      const last = found.at(-1);
      if (last && mark.from - last.to <= TOUCH) last.to = Math.max(last.to, mark.to);
      else found.push({ ...mark });
    }
    return found;
  });
}

/** A line a meter. @param {Losses} losses @param {string[]} meters @param {number} fromS @param {number} toS */
export function timeline(losses, meters, fromS, toS) {
  const row = 22;
  const all = marks(losses, fromS, toS);
  const drawn = meters.flatMap((meter, n) => {
    const y = n * row + 6;
    return [
      svg("rect", { class: "watched", x: 0, y, width: 1000, height: 10, rx: 5 }),
      ...all.filter((mark) => mark.meter === meter).map((mark) => svg("rect", {
        class: `mark-${mark.kind}`, x: (mark.from * 1000).toFixed(1), y: mark.kind === "unwatched" ? y : y - 2,
        width: Math.max(4, (mark.to - mark.from) * 1000).toFixed(1), height: mark.kind === "unwatched" ? 10 : 14,
      })),
    ];
  });
  return svg("svg", { class: "timeline", viewBox: `0 0 1000 ${meters.length * row}`, preserveAspectRatio: "none", height: meters.length * row, "aria-hidden": "true", focusable: "false" }, drawn);
}

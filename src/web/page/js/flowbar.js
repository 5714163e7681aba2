// The flow bar: sources above, uses below, the parts between them true to scale.

import { el, onWidth, say } from "./dom.js";
import { fromSun, parts } from "./flow.js";
import { percent, power } from "./number.js";
import { locale, t } from "./text.js";

/** A part narrower than this bears no number. */
const LABEL_PX = 64;

export function flowBar() {
  const number = (/** @type {string} */ role) => el("b", { class: `ink-${role}` });
  const ends = { grid: number("import"), sun: number("generation"), house: number("house"), out: number("export") };
  const names = { grid: el("span"), sun: el("span"), house: el("span"), out: el("span") };
  const cells = /** @type {const} */ (["import", "self", "export"]).map((role) => {
    const text = el("span", { class: "part-number" });
    return { role, text, element: el("span", { class: `part ${role}` }, text) };
  });
  const above = { grid: el("i", { class: "bracket import" }), sun: el("i", { class: "bracket generation" }) };
  const below = { house: el("i", { class: "bracket house" }), out: el("i", { class: "bracket export" }) };
  const bar = el("div", { class: "flow-bar" }, cells.map((cell) => cell.element));
  const note = el("p", { class: "flow-note" });
  const picture = el("div", { class: "flow", role: "img" },
    el("div", { class: "flow-ends" }, el("span", null, names.grid, " ", ends.grid), el("span", null, names.sun, " ", ends.sun)),
    el("div", { class: "brackets above" }, above.grid, above.sun),
    bar,
    el("div", { class: "brackets below" }, below.house, below.out),
    el("div", { class: "flow-ends" }, el("span", null, names.house, " ", ends.house), el("span", null, names.out, " ", ends.out)));
  const element = el("div", null, picture, note);
  let width = 320;
  /** @type {import("./types").Flow | null} */
  let last = null;
  onWidth(bar, (now) => {
    width = now;
    if (last) draw(last);
  });

  /** @param {import("./types").Flow | null} flow null: it is not known any more */
  const draw = (flow) => {
    last = flow;
    const all = flow ? parts(flow) : null;
    const of = (/** @type {string} */ role) => all?.find((part) => part.role === role);
    const watts = (/** @type {string[]} */ ...roles) => (all ? power(roles.reduce((sum, role) => sum + (of(role)?.watts ?? 0), 0), locale()) : "–");
    for (const cell of cells) {
      const part = of(cell.role);
      const share = part?.share ?? 0;
      cell.element.style.flexGrow = String(share);
      cell.element.classList.toggle("none", share < 0.004);
      say(cell.text, part && share * width >= LABEL_PX ? power(part.watts, locale()) : "");
    }
    grow(above.grid, of("import"));
    grow(above.sun, of("self"), of("export"));
    grow(below.house, of("import"), of("self"));
    grow(below.out, of("export"));
    say(names.grid, t("grid"));
    say(names.sun, t("sun"));
    say(names.house, t("house"));
    say(names.out, t("to.grid"));
    const said = { grid: watts("import"), sun: watts("self", "export"), house: watts("import", "self"), export: watts("export") };
    say(ends.grid, said.grid);
    say(ends.sun, said.sun);
    say(ends.house, said.house);
    say(ends.out, said.export);
    picture.setAttribute("aria-label", t("flow.label", said));
    const sun = all ? fromSun(all) : null;
    say(note, [
      flow?.why ? t(`why.${flow.why}`) : all === null ? "" : sun === null ? t("no.draw") : `${t("house")} ${t("of.sun", { p: percent(sun, locale()) })}`,
      flow && all && flow.span_s > 0 ? t("mean.of", { span: `${flow.span_s}\u202fs` }) : "",
    ].filter(Boolean).join(" · "));
  };
  return { element, draw };
}

/** @param {HTMLElement} bracket @param {...(import("./flow.js").Part | undefined)} of */
function grow(bracket, ...of) {
  const share = of.reduce((sum, part) => sum + (part?.share ?? 0), 0);
  bracket.style.flexGrow = String(share);
  bracket.classList.toggle("none", share < 0.004);
}

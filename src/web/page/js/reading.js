// Entering what a meter's face shows, and taking the last reading back. The token is asked for once.

import { announce } from "./announce.js";
import { get, post, Refused } from "./api.js";
import { el, fill, say } from "./dom.js";
import { shortDay } from "./moment.js";
import { count, plain, symbol } from "./number.js";
import { worded } from "./problem.js";
import { zone } from "./store.js";
import { locale, t } from "./text.js";

/** @typedef {import("./types").Meter} Meter */
/** @typedef {{expected: number, by: number, unit: import("./types").Unit, pulses: number, is_rounding: boolean}} Drift */

const KEPT = "powerlogger.token";

/** As long as the page lives; as long as the tab where that was asked for. */
let token = remembered();

function remembered() {
  try {
    return sessionStorage.getItem(KEPT) ?? "";
  } catch {
    // Storage may be forbidden.
    return "";
  }
}

/** @param {string} given @param {boolean} isForTab */
function remember(given, isForTab) {
  token = given;
  try {
    if (isForTab && given) sessionStorage.setItem(KEPT, given);
    else sessionStorage.removeItem(KEPT);
  } catch {
    // It lasts as long as the page.
  }
}

/** The form. @param {Meter} meter @param {() => void} done it is closed */
export function readingForm(meter, done) {
  const shown = el("input", {
    name: "kwh", class: "face-input", inputmode: "decimal", required: true, pattern: "[0-9]{1,9}([.,][0-9]{0,6})?", maxlength: 16, autocomplete: "off",
    placeholder: meter.register ? plain(meter.register.shown, 1, locale(), false) : plain(12345.6, 1, locale(), false),
  });
  const note = choice("note", t("reading.note"), true);
  const adopt = choice("adopt", t("reading.adopt"), false);
  const uses = el("fieldset", { hidden: !meter.register }, el("legend", null, t("reading.for")), note.label, adopt.label);
  const secret = el("input", { name: "token", type: "password", autocomplete: "off" });
  const forTab = el("input", { name: "for-tab", type: "checkbox" });
  const isClear = location.protocol === "http:" && !/^(localhost|.*\.localhost|127\..*|\[::1\])$/.test(location.hostname);
  const asked = el("div", { class: "token" },
    el("label", null, t("reading.token"), secret),
    el("label", { class: "check" }, forTab, t("reading.token.tab")),
    isClear && el("p", { class: "note" }, `▲ ${t("reading.clear")}`));
  const result = el("div");
  const last = el("p", { class: "row muted small" });
  const keep = el("button", { type: "submit", class: "button primary" }, t("reading.keep"));
  const close = el("button", { type: "button", class: "button", onclick: done }, t("reading.cancel"));
  let isConfirmed = false;

  const ask = () => {
    asked.hidden = token !== "";
    secret.required = token === "";
  };
  /** Sends it with the token; what is refused is told, with what to do. @param {string} path @param {object} body */
  const send = async (path, body) => {
    if (!asked.hidden) token = secret.value;
    keep.disabled = true;
    try {
      const answer = await post(path, body, token);
      // What is said of it and what it changes below are drawn at once: nothing moves under a finger.
      await look();
      if (!asked.hidden) remember(token, forTab.checked);
      return answer;
    } catch (failed) {
      const problem = failed instanceof Refused ? failed.problem : null;
      if (problem?.status === 401) remember("", false);
      isConfirmed = problem?.type.endsWith("/reading-implausible") ?? false;
      tell("bad", "▲", isConfirmed && problem?.drift ? [driftText(problem.drift), worded(problem).remedy] : problem ? Object.values(worded(problem)) : [String(failed)]);
      return null;
    } finally {
      keep.disabled = false;
      say(keep, t(isConfirmed ? "reading.anyway" : "reading.keep"));
      ask();
      if (!asked.hidden) secret.focus();
    }
  };
  /** @param {string} kind @param {string} mark @param {(string | null | undefined)[]} sentences */
  const tell = (kind, mark, sentences) => {
    const said = sentences.filter(Boolean);
    fill(result, said.map((sentence, n) => el("p", { class: `note ${kind}` }, n === 0 ? `${mark} ${sentence}` : sentence)));
    announce(said.join(" "));
  };
  let looks = 0;
  const look = async () => {
    const mine = (looks += 1);
    const [register] = await get("registers", { meter: meter.meter }).catch(() => []);
    // What was asked before the last reading may come after it.
    if (mine !== looks) return;
    const newest = register?.readings.at(-1);
    // The first one is counted from in any case.
    uses.hidden = !newest;
    fill(last, newest && [
      t("reading.last", { kwh: plain(newest.shown, 1, locale()), unit: symbol(newest.unit), date: shortDay(newest.at_ns / 1e6, zone(), locale()) }),
      el("button", { type: "button", class: "button", onclick: takeBack }, t("reading.undo"))]);
  };
  const takeBack = async () => {
    if (!asked.hidden && secret.value === "") return secret.focus();
    const answer = await send("registers/undo", { meter: meter.meter });
    if (!answer) return;
    tell("", "✓", [t("reading.undone", { kwh: plain(answer.taken_back, 1, locale()), unit: symbol(answer.unit) })]);
  };

  shown.addEventListener("input", () => {
    isConfirmed = false;
    say(keep, t("reading.keep"));
  });
  const form = el("form", { class: "reading-form", "aria-label": `${t("enter.reading")}: ${meter.meter}` },
    el("label", null, t("reading.kwh", { unit: symbol(meter.unit) }), shown),
    uses, asked, result,
    el("div", { class: "row" }, keep, close), last);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const kept = await send("registers", { meter: meter.meter, shown: shown.value.trim(), adopt: adopt.input.checked, confirm: isConfirmed });
    if (!kept) return;
    isConfirmed = false;
    shown.value = "";
    say(keep, t("reading.keep"));
    say(close, t("close"));
    tell("", "✓", [t(kept.adopted ? "reading.adopted" : "reading.kept"), kept.drift && driftText({ ...kept.drift, shown: kept.shown })]);
  });
  ask();
  look();
  return { element: form, focus: () => shown.focus() };
}

/** One of the two uses of a reading. @param {string} value @param {string} text @param {boolean} isChosen */
function choice(value, text, isChosen) {
  const input = el("input", { type: "radio", name: "use", value, checked: isChosen });
  return { input, label: el("label", { class: "check" }, input, text) };
}

/** How far the face and the count are apart. @param {Drift & {shown?: number}} drift */
function driftText(drift) {
  const l = locale();
  const n = count(Math.abs(drift.pulses), l);
  const by = drift.is_rounding ? t("reading.same") : t(drift.pulses > 0 ? "reading.more" : "reading.less", { n });
  return t("reading.drift", { kwh: plain(drift.shown ?? drift.expected + drift.by, 1, l), expected: plain(drift.expected, 1, l), unit: symbol(drift.unit), by });
}

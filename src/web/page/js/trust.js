// The trust line: one sentence that says whether anything was lost. Pure but for the words.

import { count } from "./number.js";
import { shortDay, span } from "./moment.js";
import { condition, locale, t, words } from "./text.js";

/** @typedef {import("./types").Health} Health */

/** Never by colour alone. @typedef {"ok" | "warning" | "critical"} Level */

export const MARKS = { ok: "✓", warning: "▲", critical: "✖" };

/** @param {Health | undefined} health @param {string} zone @returns {{level: Level, sentence: string}} */
export function trust(health, zone) {
  if (!health) return { level: "warning", sentence: t("trust.unknown") };
  // A level of a newer daemon is looked at, whatever it is.
  const level = health.level in MARKS ? health.level : "warning";
  return { level, sentence: [kept(health, zone), delivered(health), more(health)].filter(Boolean).join(" ") };
}

/** What was kept. @param {Health} health @param {string} zone */
function kept(health, zone) {
  if (!health.running) return t("trust.stopped");
  const unread = health.conditions.filter((c) => c.word === "line_not_read").map((c) => c.meter);
  if (unread.length > 0) return t("trust.unread", { meters: unread.join(", ") });
  // A daemon of before says nothing of it.
  if (health.counted === false) return t("trust.opening");
  if (health.counting_since === null) return t("trust.none");
  const date = shortDay(Date.parse(health.counting_since), zone, locale());
  if (health.lost > 0) return t("trust.lost", { n: count(health.lost, locale()), date });
  return t(health.unwatched_s > 0 ? "trust.kept.watched" : "trust.kept", { date });
}

/** How far the server has it. @param {Health} health */
function delivered(health) {
  const delivery = health.delivery;
  // Which server is used is known when the journal is open.
  if (health.counted === false) return "";
  if (delivery === null) return t("trust.local");
  if (delivery.state === "") return t("trust.unsent");
  if (delivery.state !== "ok") return t("trust.fails", { n: count(delivery.backlog, locale()) });
  if (!delivery.raw) return t("trust.windows");
  const lag = delivery.lag_s ?? 0;
  return lag < 1 ? t("trust.current") : t("trust.behind", { span: span(lag, words()) });
}

/** What else there is: the one thing, or how many. @param {Health} health */
function more(health) {
  const said = ["line_not_read", "not_running", "delivery_fails"];
  const rest = health.conditions.filter((c) => c.severity !== "info" && !said.includes(c.word));
  if (rest.length === 0) return "";
  if (rest.length > 1) return t("trust.more", { n: rest.length }) + ".";
  const { sentence } = condition(rest[0]);
  const { meter } = rest[0];
  // A meter's name is written as it is.
  const begun = meter ? sentence : sentence.charAt(0).toUpperCase() + sentence.slice(1);
  const text = meter && !sentence.startsWith(meter) ? `${meter}: ${sentence}` : begun;
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

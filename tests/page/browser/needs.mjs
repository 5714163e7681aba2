// What some need: no motion, more contrast, forced colours, text twice as large, a narrow window, paper, the other language.

import { join } from "node:path";
import { checks, found, open, SIZES, until, VIEWS, visit } from "./tab.mjs";

export async function motion({ browser, base }) {
  const tab = await open(browser, "phone", { where: "reduced motion", features: { "prefers-reduced-motion": "reduce" } });
  for (const view of ["/", "/energy", "/history", "/meters", "/health"]) {
    await visit(tab, base + view, `reduced motion ${view}`);
    const moving = await tab.evaluate(() => document.getAnimations().length + [...document.querySelectorAll("*")].filter((one) => getComputedStyle(one).transitionDuration !== "0s").length);
    if (moving > 0) found(tab.where, `${moving} elements may move`);
  }
  await tab.close();
}

export async function contrast({ browser, base, shots }) {
  for (const theme of ["light", "dark"]) {
    const tab = await open(browser, "phone", { theme, where: `more contrast ${theme}` });
    await visit(tab, base);
    const lowest = {};
    for (const value of ["no-preference", "more"]) {
      await tab.media({ "prefers-color-scheme": theme, "prefers-contrast": value });
      await until(tab, "it is emulated", (more) => matchMedia("(prefers-contrast: more)").matches === more, value === "more");
      lowest[value] = await tab.evaluate(contrasts);
    }
    // All text as WCAG's AAA asks; a border tells where each card ends.
    if (lowest.more.text < 7) found(tab.where, `text of ${lowest.more.text.toFixed(2)}: ${lowest.more.of}`);
    if (lowest.more.border < 3) found(tab.where, `a card's border of ${lowest.more.border.toFixed(2)}`);
    if (lowest.more.text <= lowest["no-preference"].text) found(tab.where, "it makes no difference");
    await checks(tab);
    if (shots) await tab.screenshot(join(shots, `more-contrast-${theme}.png`));
    await tab.close();
  }
}

/** With forced colours what is told by colour is told by more: each area has an edge, and every word is there. */
export async function forced({ browser, base, shots }) {
  const tab = await open(browser, "wide", { where: "forced colours", features: { "forced-colors": "active" } });
  for (const view of VIEWS) {
    await visit(tab, base + view, `forced colours ${view}`);
    await checks(tab);
    const lowest = await tab.evaluate(contrasts);
    if (lowest.text < 4.5) found(tab.where, `text of ${lowest.text.toFixed(2)}: ${lowest.of}`);
  }
  await visit(tab, base, "forced colours");
  if (shots) await tab.screenshot(join(shots, "forced-colours.png"));
  await tab.media({}, "print");
  tab.where = "print";
  await until(tab, "no controls on paper", () => getComputedStyle(document.querySelector(".nav")).display === "none");
  if (shots) await tab.screenshot(join(shots, "print.png"));
  await tab.close();
}

/** 200 % of a window of 640 px is one of 320 px: no sideways scrolling. In German, too, whose words are longer. */
export async function narrow({ browser, base }) {
  const tab = await open(browser, "wide");
  for (const [language, size, name] of [["en", { width: 320, height: 640 }, "320 px"], ["de", { width: 320, height: 640 }, "320 px German"], ["de", SIZES.phone, "phone German"], ["en", { width: 720, height: 450, deviceScaleFactor: 2 }, "1440 px at 200 %"]]) {
    await tab.viewport(size);
    await tab.goto(base);
    await tab.evaluate((language) => localStorage.setItem("powerlogger.language", language), language);
    for (const view of VIEWS) {
      await visit(tab, base + view, `${name} ${view}`);
      if ((await tab.evaluate(() => document.documentElement.lang)) !== language) found(tab.where, "the document is not marked with its language");
      await checks(tab);
    }
  }
  // Between a phone and a desk, where the head is one row.
  for (const language of ["en", "de"]) {
    for (const width of [760, 900, 1000, 1240]) {
      await tab.viewport({ width, height: 800 });
      await tab.evaluate((language) => localStorage.setItem("powerlogger.language", language), language);
      await visit(tab, `${base}/health`, `${width} px ${language}`);
      const broken = await tab.evaluate(() => [...document.querySelectorAll(".nav a span, #live-text")].filter((word) => word.offsetHeight > 30).map((word) => word.textContent));
      if (broken.length > 0) found(tab.where, `broken words: ${broken.join(", ")}`);
      await checks(tab);
    }
  }
  await tab.evaluate(() => localStorage.clear());
  await tab.close();
}

/** The least contrast of text and of a card's border, as it is drawn. Runs in the page. */
export function contrasts() {
  const rgb = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const light = (colour) => colour.slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)).reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ratio = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  let [text, of] = [21, ""];
  for (const element of document.querySelectorAll("body *")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!hasText || box.width <= 1 || box.height <= 1 || element.closest("[hidden], .hidden, .part, dialog, :disabled")) continue;
    const style = getComputedStyle(element);
    const isSvg = element instanceof SVGElement;
    const is = ratio(rgb(isSvg ? style.fill : style.color), ground(element));
    if (is < text) [text, of] = [is, `${element.className.baseVal ?? element.className} "${element.textContent.trim().slice(0, 30)}"`];
  }
  const card = [...document.querySelectorAll(".card")].find((one) => one.getBoundingClientRect().width > 0);
  return { text, of, border: ratio(rgb(getComputedStyle(card).borderTopColor), ground(card.parentElement)) };
}

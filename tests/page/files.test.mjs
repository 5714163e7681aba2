// The page's files: texts in both languages, contrast of the colours, weight, and what the CSP would refuse.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import de from "../../src/web/page/texts/de.js";
import en from "../../src/web/page/texts/en.js";

const ROOT = fileURLToPath(new URL("../../src/web/page/", import.meta.url));
const files = readdirSync(ROOT, { recursive: true }).map(String).filter((name) => /\.\w+$/.test(name));
const read = (name) => readFileSync(join(ROOT, name), "utf8");
const own = files.filter((name) => name.endsWith(".js") && !name.startsWith("vendor"));

test("both languages have the same texts with the same places to fill", () => {
  assert.deepEqual(Object.keys(de).sort(), Object.keys(en).sort());
  const places = (text) => [...new Set(text.match(/\{[a-z]+\}/g) ?? [])].sort();
  for (const key of Object.keys(en)) {
    if (key === "condition" || key === "problem") continue;
    assert.deepEqual(places(de[key]), places(en[key]), key);
    assert.equal(de[key].includes(" | "), en[key].includes(" | "), key);
  }
});

test("every text that is asked for exists, and every text is asked for", () => {
  const all = [...own.filter((name) => name.startsWith("js")).map(read), read("index.html")].join("\n");
  const keys = Object.keys(en);
  for (const [, key] of all.matchAll(/\bt\("([^"]+)"/g)) assert.ok(keys.includes(key), key);
  for (const [, key] of all.matchAll(/data-(?:t|label)="([^"]+)"/g)) assert.ok(keys.includes(key), key);
  const made = [...all.matchAll(/`((?:[a-z]+\.)+)\$\{/g)].map((match) => match[1]);
  const unused = keys.filter((key) => !all.includes(`"${key}"`) && !made.some((start) => key.startsWith(start)) && !all.includes(`words.${key}`));
  assert.deepEqual(unused.filter((key) => !["locale", "condition", "problem", "noscript"].includes(key)), []);
});

test("the daemon's words for what is wrong are known in German", () => {
  const described = readFileSync(join(ROOT, "../openapi.yaml"), "utf8");
  const words = /examples: \[(not_running[^\]]*)\]/.exec(described)[1].split(/[,\s]+/);
  assert.ok(words.length > 10);
  for (const word of words) assert.equal(de.condition[word]?.length, 2, word);
});

test("every kind of problem is known in German, and no other", () => {
  const kinds = [...readFileSync(join(ROOT, "../problem.rs"), "utf8").matchAll(/^ {4}[A-Z_]+ = "([a-z-]+)", \d+,/gm)].map((match) => match[1]);
  assert.ok(kinds.length > 20);
  assert.deepEqual(Object.keys(de.problem).sort(), kinds.sort());
  for (const text of Object.values(de.problem)) assert.equal(text.length, 2);
});

/**
 * A module as it is served: without the lines that are comments alone. What is vendored keeps its licence.
 */
function served(name) {
  const text = read(name);
  if (!name.endsWith(".js") || name.startsWith("vendor")) return readFileSync(join(ROOT, name));
  let isComment = false;
  const kept = text.split("\n").filter((line) => {
    const start = line.trimStart();
    if (isComment) isComment = !line.trimEnd().endsWith("*/");
    else if (start.startsWith("/**")) {
      isComment = !start.includes("*/");
      return start.includes("*/") && !start.trimEnd().endsWith("*/");
    } else return !start.startsWith("//");
    return false;
  });
  return Buffer.from(kept.join("\n"));
}

test("modules are whole without their comments", () => {
  const dir = mkdtempSync(join(tmpdir(), "page-"));
  try {
    for (const name of own) {
      const text = served(name).toString();
      assert.ok(!/^\s*(\/\/|\*|\/\*\*$)/m.test(text), name);
      const path = join(dir, `${name.replaceAll("/", "_")}.mjs`);
      writeFileSync(path, text);
      execFileSync(process.execPath, ["--check", path]);
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** The colours of a theme. */
function tokens(css, selector) {
  const body = css.slice(css.indexOf(selector) + selector.length);
  return Object.fromEntries([...body.slice(0, body.indexOf("}")).matchAll(/--([a-z-]+): (#[0-9a-f]{6})/g)].map((match) => [match[1], match[2]]));
}
const light = (hex) => {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a, b) => {
  const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
};

test("contrast of every role in both themes", () => {
  const css = read("page.css");
  const dark = tokens(css, ':root[data-theme="dark"] {');
  for (const theme of [tokens(css, ":root {"), dark]) {
    for (const role of ["ink", "muted", "import", "export", "generation", "house", "self", "other", "ok", "warn", "bad"]) {
      for (const ground of ["page", "card"]) assert.ok(contrast(theme[role], theme[ground]) >= 4.5, `${role} on ${ground}: ${contrast(theme[role], theme[ground])}`);
    }
    for (const role of ["import", "export", "self"]) assert.ok(contrast(theme["on-area"], theme[role]) >= 4.5, role);
    for (const ground of ["page", "card"]) assert.ok(contrast(theme.control, theme[ground]) >= 3, "control");
    assert.ok(contrast(theme.muted, theme.tint) >= 4.5, "muted on tint");
    assert.ok(contrast(theme.focus, theme.card) >= 3 && contrast(theme.focus, theme.page) >= 3, "focus");
  }
});

test("more contrast: 7:1 of every role in both themes", () => {
  const css = read("page.css");
  const at = css.indexOf("@media (prefers-contrast: more)");
  const more = css.slice(at);
  const of = (from, selector) => tokens(from, selector);
  const light = { ...of(css, ":root {"), ...of(more, "\n  :root {") };
  const dark = { ...of(css, ':root[data-theme="dark"] {'), ...of(more.slice(more.indexOf("@media screen")), ':root[data-theme="dark"] {') };
  for (const theme of [light, dark]) {
    assert.notEqual(theme.import, of(css, theme === light ? ":root {" : ':root[data-theme="dark"] {').import);
    for (const role of ["ink", "import", "export", "generation", "house", "self", "other", "ok", "warn", "bad"]) {
      for (const ground of ["page", "card"]) assert.ok(contrast(theme[role], theme[ground]) >= 7, `${role} on ${ground}: ${contrast(theme[role], theme[ground])}`);
    }
    for (const role of ["import", "export", "self"]) assert.ok(contrast(theme["on-area"], theme[role]) >= 7, role);
    for (const ground of ["page", "card"]) assert.ok(contrast(theme.control, theme[ground]) >= 4.5, "control");
  }
});

/** How a colour is seen without cones of a kind (Machado 2009, full severity), as linear light. */
const SIGHTS = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
/** CIELAB of a colour, D65. */
function lab(hex, sight) {
  const linear = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  const [r, g, b] = sight.map((row) => Math.min(1, Math.max(0, row.reduce((sum, factor, n) => sum + factor * linear[n], 0))));
  const xyz = [0.4124564 * r + 0.3575761 * g + 0.1804375 * b, 0.2126729 * r + 0.7151522 * g + 0.072175 * b, 0.0193339 * r + 0.119192 * g + 0.9503041 * b];
  const [x, y, z] = xyz.map((value, n) => value / [0.95047, 1, 1.08883][n]).map((t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
/** CIEDE2000. */
function apart([l1, a1, b1], [l2, a2, b2]) {
  const rad = Math.PI / 180;
  const mean = (Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2;
  const g = 0.5 * (1 - Math.sqrt(mean ** 7 / (mean ** 7 + 25 ** 7)));
  const [x1, x2] = [a1 * (1 + g), a2 * (1 + g)];
  const [c1, c2] = [Math.hypot(x1, b1), Math.hypot(x2, b2)];
  const hue = (x, b) => (x === 0 && b === 0 ? 0 : (Math.atan2(b, x) / rad + 360) % 360);
  const [h1, h2] = [hue(x1, b1), hue(x2, b2)];
  const turn = c1 * c2 === 0 ? 0 : ((h2 - h1 + 540) % 360) - 180;
  const [dl, dc, dh] = [l2 - l1, c2 - c1, 2 * Math.sqrt(c1 * c2) * Math.sin((turn / 2) * rad)];
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const h = c1 * c2 === 0 ? h1 + h2 : (h1 + turn / 2 + 360) % 360;
  const t = 1 - 0.17 * Math.cos((h - 30) * rad) + 0.24 * Math.cos(2 * h * rad) + 0.32 * Math.cos((3 * h + 6) * rad) - 0.2 * Math.cos((4 * h - 63) * rad);
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const rt = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * Math.sin(60 * Math.exp(-(((h - 275) / 25) ** 2)) * rad);
  return Math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh));
}

test("the distance of colours is that of Sharma's table", () => {
  for (const [one, other, is] of [[[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425], [[50, 2.5, 0], [58, 24, 15], 19.4535], [[22.7233, 20.0904, -46.694], [23.0331, 14.973, -42.5619], 2.0373], [[6.7747, -0.2908, -2.4247], [5.8714, -0.0985, -2.2286], 0.6377]]) {
    assert.ok(Math.abs(apart(one, other) - is) < 1e-4, `${apart(one, other)}, not ${is}`);
  }
});

test("no two roles look alike, also without cones of a kind", () => {
  const css = read("page.css");
  const roles = ["import", "export", "generation", "house", "self"];
  for (const theme of [tokens(css, ":root {"), tokens(css, ':root[data-theme="dark"] {')]) {
    for (const [sight, matrix] of Object.entries(SIGHTS)) {
      roles.forEach((one, n) => roles.slice(n + 1).forEach((other) => {
        const is = apart(lab(theme[one], matrix), lab(theme[other], matrix));
        assert.ok(is >= 12, `${one} and ${other} in ${sight}: ${is.toFixed(1)}`);
      }));
    }
  }
});

test("nothing moves without an end", () => {
  assert.ok(!/infinite|@keyframes/.test(read("page.css")));
  for (const name of own) assert.ok(!/Infinity\s*}|iterations:/.test(read(name)), name);
});

test("no type smaller than 14 px but on axes", () => {
  const css = read("page.css");
  const sizes = [...css.matchAll(/([^{}]*)\{[^}]*font-size: (\d+)px/g)].filter(([, , size]) => Number(size) < 14);
  assert.deepEqual(sizes.map(([, selector]) => selector.trim().split("\n").at(-1)), [".axis", ".plot-unit"]);
});

test("weight: 60 KB for the first view, 100 KB in all, in one language", () => {
  const size = (name) => gzipSync(served(name), { level: 9 }).length;
  const all = files.filter((name) => /\.(html|css|js|svg|png|webmanifest)$/.test(name));
  const later = (name) => name.startsWith("vendor") || /js\/(plot|columns|overview|timeline|zoom|reading|costs)\.js|js\/views\/(energy|history|meters|health)\.js|\.png$/.test(name);
  const languages = files.filter((name) => name.startsWith("texts")).map(size);
  const spared = languages.reduce((a, b) => a + b) - Math.max(...languages);
  const sum = (names) => names.reduce((bytes, name) => bytes + size(name), -spared);
  const [first, whole] = [sum(all.filter((name) => !later(name))), sum(all)];
  assert.ok(first <= 60 * 1024, `first view ${first}`);
  console.log(`first view ${first} bytes, all ${whole} bytes`);
  assert.ok(whole <= 100 * 1024, `all ${whole}`);
});

test("nothing that the CSP refuses, nothing from elsewhere", () => {
  for (const name of own) {
    const text = read(name);
    for (const refused of ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", 'setAttribute("style"', "navigator.language)"]) {
      assert.ok(!text.includes(refused), `${name}: ${refused}`);
    }
  }
  const html = read("index.html");
  assert.ok(!/\sstyle=|\son[a-z]+=|<script>|<style/.test(html));
  for (const name of [...own, "index.html", "page.css"]) {
    for (const [address] of read(name).matchAll(/https?:\/\/[^\s"'`)]+/g)) assert.equal(address, "http://www.w3.org/2000/svg", name);
  }
});

test("each module says what it is for, and is short", () => {
  for (const name of own.filter((name) => name.startsWith("js"))) {
    assert.match(read(name), /^\/\/ [A-Z]/, name);
    assert.ok(read(name).split("\n").length <= 460, name);
  }
});

test("uPlot is what was published at its commit", () => {
  execFileSync(fileURLToPath(new URL("../../scripts/uplot.sh", import.meta.url)), ["--check"]);
});

// Chromium over a pipe, by the DevTools protocol: no package, no port. A browser has tabs; a tab navigates, evaluates, and gets real
// keys, clicks and fingers.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** So long is waited for what must come: it ends a walk that hangs, and no machine is too slow for it. */
export const PATIENCE_MS = 300_000;

const ARGUMENTS = [
  "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--no-default-browser-check", "--disable-gpu", "--disable-extensions",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
  // Root, containers and some distributions have no sandbox to give; only our own page is opened.
  "--no-sandbox", "--force-color-profile=srgb", "--password-store=basic", "--use-mock-keychain", "--enable-precise-memory-info",
  // A tab that is not in front is drawn all the same.
  "--disable-background-timer-throttling", "--disable-backgrounding-occluded-windows", "--disable-renderer-backgrounding",
];

/** @param {Promise<any>} promise @param {string} what */
function inTime(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE_MS / 1000} s: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Browser {
  /** @param {string} program @param {Record<string, string>} [env] more of the environment */
  static launch(program, env = {}) {
    const dir = mkdtempSync(join(tmpdir(), "page-browser-"));
    const child = spawn(program, [...ARGUMENTS, `--user-data-dir=${dir}`, "about:blank"], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], env: { ...process.env, ...env },
    });
    return new Browser(child, dir);
  }

  constructor(child, dir) {
    this.child = child;
    this.dir = dir;
    this.number = 0;
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    /** @type {Map<string, (method: string, params: any) => void>} */
    this.sessions = new Map();
    this.ended = new Promise((resolve) => child.once("exit", resolve));
    this.out = child.stdio[3];
    // It may end before all is said.
    this.out.on("error", () => {});
    let parts = [];
    child.stdio[4].on("data", (data) => {
      let from = 0;
      for (let at = data.indexOf(0); at >= 0; at = data.indexOf(0, from)) {
        parts.push(data.subarray(from, at));
        this.heard(JSON.parse(Buffer.concat(parts).toString()));
        parts = [];
        from = at + 1;
      }
      parts.push(data.subarray(from));
    });
    child.once("exit", (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the browser has ended: ${code ?? signal}`));
      this.waiting.clear();
    });
    child.once("error", (error) => {
      for (const { reject } of this.waiting.values()) reject(error);
    });
  }

  heard(message) {
    if (message.id === undefined) {
      this.sessions.get(message.sessionId)?.(message.method, message.params);
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(`${waiting.method}: ${message.error.message}`));
    else waiting?.resolve(message.result);
  }

  /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
  send(method, params = {}, sessionId) {
    const id = (this.number += 1);
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, method }));
    this.out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return inTime(answer, method);
  }

  /** A tab, in a window of its own, so that none is behind another one and hidden. @returns {Promise<Tab>} */
  async newTab() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank", newWindow: true });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const tab = new Tab(this, targetId, sessionId);
    await Promise.all(["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"].map((method) => tab.send(method)));
    await tab.send("Runtime.addBinding", { name: MET });
    return tab;
  }

  async close() {
    await this.send("Browser.close").catch(() => this.child.kill("SIGKILL"));
    const killer = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
    await this.ended;
    clearTimeout(killer);
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** What a document calls when a click meets what it was meant for. */
const MET = "clickHasMet";

/** So many frames are waited for at most for an element to stand still. */
const FRAMES_MAX = 100;

/** Tells when the next click meets an element. Runs in the page. @param {string} selector @param {string} told */
function listenForClick(selector, told) {
  const isIt = (node) => node instanceof Element && node.matches(selector);
  addEventListener("click", (event) => event.composedPath().some(isIt) && window[told](""), { capture: true, once: true });
}

/** Keys with a name: their codes, and what they write. */
const KEYS = {
  ArrowLeft: [37], ArrowUp: [38], ArrowRight: [39], ArrowDown: [40], Home: [36], End: [35], PageUp: [33], PageDown: [34],
  Enter: [13, "\r"], Escape: [27], Tab: [9],
};

export class Tab {
  constructor(browser, targetId, sessionId) {
    this.browser = browser;
    this.targetId = targetId;
    this.sessionId = sessionId;
    /** @type {Map<string, Set<(params: any) => void>>} */
    this.listeners = new Map();
    browser.sessions.set(sessionId, (method, params) => {
      for (const told of [...(this.listeners.get(method) ?? [])]) told(params);
    });
  }

  /** @param {string} method @param {object} [params] */
  send(method, params) {
    return this.browser.send(method, params, this.sessionId);
  }

  /** Calls for every event, until what is returned is called. @param {string} method @param {(params: any) => void} told */
  on(method, told) {
    const all = this.listeners.get(method) ?? new Set();
    this.listeners.set(method, all.add(told));
    return () => all.delete(told);
  }

  /** The next event. @param {string} method */
  next(method) {
    let stop;
    const came = new Promise((resolve) => (stop = this.on(method, resolve)));
    return inTime(came, method).finally(stop);
  }

  /** Runs before any script of each document. @param {Function} act @param {...any} values */
  beforehand(act, ...values) {
    return this.send("Page.addScriptToEvaluateOnNewDocument", { source: call(act, values) });
  }

  /** What a function gives in the page; promises are waited for. @param {Function | string} act @param {...any} values */
  async evaluate(act, ...values) {
    const expression = typeof act === "string" ? act : call(act, values);
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Goes to an address; returns when its document is read, and its modules have run. @param {string} address */
  async goto(address) {
    const read = this.next("Page.domContentEventFired");
    const { errorText } = await this.send("Page.navigate", { url: address });
    if (errorText) {
      read.catch(() => {});
      throw new Error(`${address}: ${errorText}`);
    }
    await read;
  }

  async reload() {
    const read = this.next("Page.domContentEventFired");
    await this.send("Page.reload");
    await read;
  }

  /** @param {object} size */
  async viewport({ width, height, deviceScaleFactor = 1, isMobile = false }) {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor, mobile: isMobile });
    await this.send("Emulation.setTouchEmulationEnabled", { enabled: isMobile });
  }

  /** What the system says of itself. @param {Record<string, string>} features @param {string} [media] */
  media(features, media = "") {
    return this.send("Emulation.setEmulatedMedia", { media, features: Object.entries(features).map(([name, value]) => ({ name, value })) });
  }

  /** @param {string} key */
  async press(key) {
    const [code, text] = KEYS[key] ?? [key.toUpperCase().charCodeAt(0), key];
    const event = { key, windowsVirtualKeyCode: code, nativeVirtualKeyCode: code };
    await this.send("Input.dispatchKeyEvent", { ...event, type: text === undefined ? "rawKeyDown" : "keyDown", text });
    await this.send("Input.dispatchKeyEvent", { ...event, type: "keyUp" });
  }

  /** Where an element is in the window, scrolled to its middle. @param {string} selector */
  boxOf(selector) {
    return this.evaluate((selector) => {
      const element = document.querySelector(selector);
      if (!element) throw new Error(`no ${selector}`);
      element.scrollIntoView({ block: "center", behavior: "instant" });
      const { x, y, width, height } = element.getBoundingClientRect();
      return { x, y, width, height };
    }, selector);
  }

  /** The same of one that has stood still for some frames. @param {string} selector */
  async stillBoxOf(selector) {
    let [last, same] = ["", 0];
    for (let n = 0; n < FRAMES_MAX && same < 3; n += 1) {
      await this.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
      const box = JSON.stringify(await this.boxOf(selector));
      [last, same] = [box, box === last ? same + 1 : 0];
    }
    return JSON.parse(last);
  }

  /** Clicks an element, again where it has moved away under the pointer: a busy machine draws late. @param {string} selector */
  async click(selector) {
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      const { x, y, width, height } = await this.stillBoxOf(selector);
      await this.evaluate(listenForClick, selector, MET);
      let isMet = false;
      const stop = this.on("Runtime.bindingCalled", ({ name }) => (isMet ||= name === MET));
      const event = { x: x + width / 2, y: y + height / 2, button: "left", clickCount: 1 };
      await this.send("Input.dispatchMouseEvent", { ...event, type: "mouseMoved", button: "none" });
      await this.send("Input.dispatchMouseEvent", { ...event, type: "mousePressed" });
      await this.send("Input.dispatchMouseEvent", { ...event, type: "mouseReleased" });
      // What was met is told before this is answered, or another document comes.
      await this.evaluate(() => 0).catch(() => {});
      stop();
      if (isMet) return;
    }
    throw new Error(`no click meets ${selector}`);
  }

  /** @param {string} selector */
  focus(selector) {
    return this.evaluate((selector) => document.querySelector(selector).focus(), selector);
  }

  /** Puts a text into a field, in place of what is there. @param {string} selector @param {string} text */
  async type(selector, text) {
    await this.evaluate((selector) => {
      const field = document.querySelector(selector);
      field.focus();
      field.select();
    }, selector);
    await this.send("Input.insertText", { text });
  }

  /** A finger, or some: each step is a list of places. @param {...[number, number][]} steps */
  async fingers(...steps) {
    const fire = (type, points) => this.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    await fire("touchStart", steps[0]);
    for (const step of steps.slice(1)) await fire("touchMove", step);
    await fire("touchEnd", []);
  }

  /** @param {string} path */
  async screenshot(path) {
    const { data } = await this.send("Page.captureScreenshot", { format: "png", captureBeyondViewport: true });
    writeFileSync(path, Buffer.from(data, "base64"));
  }

  async close() {
    this.browser.sessions.delete(this.sessionId);
    await this.browser.send("Target.closeTarget", { targetId: this.targetId });
  }
}

/** @param {Function} act @param {any[]} values */
function call(act, values) {
  return `(${act})(${values.map((value) => JSON.stringify(value) ?? "undefined").join(", ")})`;
}

// The stream of events, and what is done when it breaks: own waits, then questions every ten seconds. A hidden page has
// none: six streams of one browser are all that it opens to one daemon. All that is outside is handed in.

/** @typedef {"connecting" | "live" | "lost" | "polling" | "hidden"} Connection */

/** A silent stream is dead after this: the daemon sends something every 15 s. */
export const SILENT_MS = 35_000;
export const POLL_MS = 10_000;
const WAITS_MS = [1_000, 2_000, 5_000, 10_000];
/** A daemon that has said good-bye is back soon: so long it is tried again in short steps. */
export const RESTART_MS = 20_000;
const RESTART_STEP_MS = 400;
/** After so many failures the state is asked for instead. */
const FAILURES_MAX = 3;
const EVENTS = ["now", "minute", "day", "health", "reload"];

/**
 * @typedef {{
 *   open: (last: string) => EventSource, ask: () => Promise<any>, told: (event: string, data: any) => void,
 *   changed: (connection: Connection) => void,
 *   later: (act: () => void, ms: number) => any, never: (timer: any) => void, random: () => number,
 * }} Outside
 */

export class Stream {
  /** @param {Outside} outside */
  constructor(outside) {
    this.outside = outside;
    /** @type {EventSource | null} */
    this.source = null;
    this.failures = 0;
    /** The number of the last event: with it a stream goes on where the one before broke off. */
    this.last = "";
    /** Steps that are left of a restart. */
    this.steps = 0;
    /** @type {Connection} */
    this.connection = "connecting";
    this.silence = null;
    this.retry = null;
    this.polls = null;
    /** Answers that were asked for before the page was hidden, or before the stream came back, are late. */
    this.turn = 0;
  }

  /** The page is seen: a stream at once, whatever was before. */
  show() {
    this.failures = 0;
    this.steps = 0;
    this.close();
    this.open();
  }

  /** The page is hidden, or left. */
  hide() {
    this.close();
    this.become("hidden");
  }

  /** @param {boolean} [keepPolling] */
  open(keepPolling = false) {
    this.close(keepPolling);
    if (this.connection !== "polling" && this.connection !== "lost") this.become("connecting");
    const source = this.outside.open(this.last);
    this.source = source;
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (this.source === source) this.heard(name, /** @type {MessageEvent} */ (event));
      });
    }
    source.addEventListener("bye", (event) => {
      if (this.source !== source) return;
      const { retry_ms: retryMs } = parsed(/** @type {MessageEvent} */ (event).data) ?? { retry_ms: RESTART_STEP_MS };
      this.close();
      this.become("lost");
      this.steps = RESTART_MS / RESTART_STEP_MS;
      this.again(retryMs, 1);
    });
    source.addEventListener("error", () => {
      if (this.source === source) this.failed();
    });
    this.watch();
  }

  /** @param {string} name @param {MessageEvent} event */
  heard(name, event) {
    const data = parsed(event.data);
    if (data === null) return;
    this.last = event.lastEventId || this.last;
    this.failures = 0;
    this.steps = 0;
    this.stopPolling();
    this.watch();
    this.outside.told(name, data);
    this.become("live");
  }

  /** A browser does not notice that its peer is gone. */
  watch() {
    this.outside.never(this.silence);
    this.silence = this.outside.later(() => this.failed(), SILENT_MS);
  }

  failed() {
    this.close(true);
    if (this.steps > 0) {
      this.steps -= 1;
      this.again(RESTART_STEP_MS, 0.5);
      return;
    }
    this.failures += 1;
    const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length) - 1];
    this.again(wait, 0.2);
    if (this.failures >= FAILURES_MAX) this.poll();
    else this.become("lost");
  }

  /** Another try after so long, and up to a share of it more: not all pages at one moment. @param {number} ms @param {number} share */
  again(ms, share) {
    this.retry = this.outside.later(() => this.reopen(), ms * (1 + share * this.outside.random()));
  }

  /** Another try, beside the questions that are asked meanwhile. */
  reopen() {
    this.open(true);
  }

  poll() {
    if (this.polls !== null) return;
    this.become("lost");
    const turn = this.turn;
    const ask = () => {
      this.outside.ask().then(
        (now) => {
          if (this.turn !== turn || this.polls === null) return;
          this.outside.told("now", now);
          this.become("polling");
          // It answers: a stream may be had again before its turn.
          this.outside.never(this.retry);
          if (this.source === null) this.reopen();
        },
        () => {
          if (this.turn === turn && this.polls !== null) this.become("lost");
        },
      );
      this.polls = this.outside.later(ask, POLL_MS);
    };
    this.polls = 0;
    ask();
  }

  stopPolling() {
    if (this.polls === null) return;
    this.outside.never(this.polls);
    this.polls = null;
    this.turn += 1;
  }

  /** @param {boolean} [keepPolling] */
  close(keepPolling = false) {
    this.source?.close();
    this.source = null;
    this.outside.never(this.silence);
    this.outside.never(this.retry);
    if (!keepPolling) this.stopPolling();
  }

  /** @param {Connection} connection */
  become(connection) {
    if (this.connection === connection) return;
    this.connection = connection;
    this.outside.changed(connection);
  }
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Questions to a daemon that is busy with others: they are asked again, as late as it says, while somebody waits for the answer.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { get, post, Refused } from "../../src/web/page/js/api.js";

const BUSY = { type: "/problems/busy", title: "The daemon is busy with other questions", status: 503, detail: "", remedy: "" };
const busy = (after = "2") => [503, BUSY, after];

const { fetch, setTimeout: later, clearTimeout: never } = globalThis;
/** What was asked, and when by the virtual clock; what is answered. */
let [asked, answers, waits, ms] = [[], [], new Map(), 0];

beforeEach(() => {
  [asked, answers, waits, ms] = [[], [], new Map(), 0];
  let number = 0;
  globalThis.setTimeout = (act, after) => {
    waits.set((number += 1), { act, at: ms + after });
    return number;
  };
  globalThis.clearTimeout = (timer) => waits.delete(timer);
  globalThis.fetch = mock.fn(async (address, request) => {
    request.signal?.throwIfAborted();
    asked.push({ address, ms, body: request.body });
    const [status, body, after] = answers.length > 1 ? answers.shift() : answers[0];
    return new Response(JSON.stringify(body), { status, headers: after === undefined ? {} : { "Retry-After": after } });
  });
});

afterEach(() => Object.assign(globalThis, { fetch, setTimeout: later, clearTimeout: never }));

/** Lets all timers of so long fire, each when its time has come. */
async function pass(by) {
  const end = ms + by;
  for (;;) {
    // What was answered is read.
    await new Promise((resolve) => setImmediate(resolve));
    const due = [...waits].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at)[0];
    if (!due) break;
    waits.delete(due[0]);
    ms = due[1].at;
    due[1].act();
  }
  ms = end;
}

test("a busy daemon is asked again after what it says, and its answer is the question's", async () => {
  answers = [busy("2"), busy("3"), [200, { is: "answered" }]];
  const answer = get("energy", { period: "day" });
  await pass(60_000);
  assert.deepEqual(await answer, { is: "answered" });
  assert.deepEqual(asked.map(({ address, ms }) => [address, ms]), [0, 2_000, 5_000].map((ms) => ["/api/v1/energy?period=day", ms]));
  // Nothing was done: the same is sent again.
  answers = [busy(), [201, { is: "kept" }]];
  const kept = post("registers", { meter: "Import" }, "s3cret");
  await pass(60_000);
  assert.deepEqual(await kept, { is: "kept" });
  assert.deepEqual(asked.slice(3).map(({ body }) => body), Array(2).fill('{"meter":"Import"}'));
});

test("one that stays busy is not asked for ever, and then says so", async () => {
  answers = [busy()];
  const answer = get("energy").catch((failed) => failed);
  await pass(60_000);
  const failed = await answer;
  assert.ok(failed instanceof Refused);
  assert.equal(failed.problem.title, BUSY.title);
  assert.ok(asked.length > 2 && asked.length < 10, String(asked.length));
});

test("what is not wanted any more is not asked again", async () => {
  answers = [busy()];
  const control = new AbortController();
  const answer = get("energy", {}, control.signal).catch((failed) => failed);
  await pass(1_000);
  control.abort();
  const failed = await answer;
  assert.ok(failed instanceof DOMException && failed.name === "AbortError", String(failed));
  assert.equal(waits.size, 0);
  await pass(60_000);
  assert.equal(asked.length, 1);
});

test("what is refused for another reason is not asked again", async () => {
  const journal = { ...BUSY, type: "/problems/journal" };
  for (const one of [[503, journal, "10"], [400, { ...BUSY, type: "/problems/wrong-parameter" }], [503, BUSY]]) {
    [asked, answers] = [[], [one]];
    await assert.rejects(get("energy"), Refused);
    assert.equal(asked.length, 1, one[1].type);
  }
});

// The stream of events, with a virtual clock and a server that can be made to fail.

import assert from "node:assert/strict";
import { test } from "node:test";
import { POLL_MS, RESTART_MS, SILENT_MS, Stream } from "../../src/web/page/js/stream.js";

/** All that is outside of the stream, in the test's hands. */
function world() {
  const timers = new Map();
  let next = 1;
  const all = { ms: 0, opened: [], lasts: [], told: [], changes: [], asked: 0, answers: true };
  const source = (last) => {
    all.lasts.push(last);
    const listeners = new Map();
    const made = { isClosed: false, close: () => (made.isClosed = true), addEventListener: (name, act) => listeners.set(name, act), fire: (name, data, id = "") => !made.isClosed && listeners.get(name)?.({ data: JSON.stringify(data), lastEventId: id }) };
    all.opened.push(made);
    return made;
  };
  all.last = () => all.opened.at(-1);
  all.alive = () => all.opened.filter((one) => !one.isClosed).length;
  all.pass = async (ms) => {
    const end = all.ms + ms;
    for (;;) {
      const due = [...timers].filter(([, timer]) => timer.at <= end).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      timers.delete(due[0]);
      all.ms = due[1].at;
      due[1].act();
      await Promise.resolve();
      await Promise.resolve();
    }
    all.ms = end;
  };
  all.timers = () => timers.size;
  all.stream = new Stream({
    open: source, told: (event) => all.told.push(event), changed: (is) => all.changes.push(is), random: () => 0,
    ask: () => {
      all.asked += 1;
      return all.answers ? Promise.resolve({ asked: true }) : Promise.reject(new Error("down"));
    },
    later: (act, ms) => {
      timers.set((next += 1), { act, at: all.ms + ms });
      return next;
    },
    never: (timer) => timers.delete(timer),
  });
  return all;
}

test("live with the first event", () => {
  const w = world();
  w.stream.open();
  w.last().fire("now", {});
  assert.deepEqual(w.changes, ["live"]);
  assert.deepEqual(w.told, ["now"]);
});

test("silence of 35 s is death, an event before it is not", async () => {
  const w = world();
  w.stream.open();
  w.last().fire("now", {});
  await w.pass(SILENT_MS - 1);
  w.last().fire("now", {});
  await w.pass(SILENT_MS - 1);
  assert.equal(w.opened.length, 1);
  await w.pass(1);
  assert.equal(w.stream.connection, "lost");
  await w.pass(1_000);
  assert.equal(w.opened.length, 2);
  assert.equal(w.alive(), 1);
});

test("waits grow to 10 s, and after three failures the state is asked for", async () => {
  const w = world();
  w.answers = false;
  const tries = [];
  w.stream.open();
  for (let n = 0; n < 6; n += 1) {
    tries.push(w.ms);
    w.last().fire("error");
    const before = w.opened.length;
    while (w.opened.length === before) await w.pass(500);
  }
  assert.deepEqual(tries.slice(1).map((ms, n) => ms - tries[n]), [1_000, 2_000, 5_000, 10_000, 10_000]);
  assert.ok(w.asked >= 2);
  assert.equal(w.alive(), 1);
});

test("an answer while no stream is open opens one at once", async () => {
  const w = world();
  w.stream.open();
  for (let n = 0; n < 2; n += 1) {
    w.last().fire("error");
    await w.pass(10_000);
  }
  const before = w.opened.length;
  w.last().fire("error");
  await w.pass(0);
  assert.equal(w.stream.connection, "polling");
  assert.equal(w.opened.length, before + 1);
  assert.equal(w.alive(), 1);
});

test("questions come every ten seconds and end when the stream is back", async () => {
  const w = world();
  w.stream.open();
  for (let n = 0; n < 3; n += 1) {
    w.last().fire("error");
    if (n < 2) await w.pass(10_000);
  }
  await w.pass(0);
  const before = w.asked;
  await w.pass(POLL_MS);
  w.last().fire("now", {});
  assert.equal(w.stream.connection, "live");
  const after = w.asked;
  assert.ok(after > before);
  await w.pass(30_000);
  assert.equal(w.asked, after);
});

test("an answer that comes late does not take the place of the stream's", async () => {
  const w = world();
  w.stream.open();
  let answer;
  w.stream.outside.ask = () => new Promise((resolve) => (answer = resolve));
  for (let n = 0; n < 3; n += 1) {
    w.last().fire("error");
    if (n < 2) await w.pass(10_000);
  }
  await w.pass(10_000);
  w.last().fire("now", {});
  const told = w.told.length;
  answer({});
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(w.told.length, told);
  assert.equal(w.stream.connection, "live");
});

test("the daemon is down: lost, not polling, and live at once when it is back", async () => {
  const w = world();
  w.answers = false;
  w.stream.open();
  for (let n = 0; n < 5; n += 1) {
    w.last().fire("error");
    await w.pass(12_000);
  }
  assert.equal(w.stream.connection, "lost");
  w.last().fire("now", {});
  assert.equal(w.stream.connection, "live");
});

test("a hidden page has no stream and no timer; a seen one has one at once", async () => {
  const w = world();
  w.stream.open();
  w.last().fire("now", {});
  w.stream.hide();
  assert.equal(w.alive(), 0);
  assert.equal(w.timers(), 0);
  assert.equal(w.stream.connection, "hidden");
  await w.pass(3_600_000);
  assert.equal(w.opened.length, 1);
  w.stream.show();
  assert.equal(w.alive(), 1);
  w.last().fire("now", {});
  assert.equal(w.stream.connection, "live");
});

test("hidden while it polls: no question more", async () => {
  const w = world();
  w.stream.open();
  for (let n = 0; n < 4; n += 1) {
    w.last().fire("error");
    await w.pass(10_000);
  }
  w.stream.hide();
  const asked = w.asked;
  await w.pass(100_000);
  assert.equal(w.asked, asked);
  assert.equal(w.timers(), 0);
});

test("bye: back after the time that the daemon names", async () => {
  const w = world();
  w.stream.open();
  w.last().fire("now", {});
  w.last().fire("bye", { retry_ms: 1_000 });
  assert.equal(w.alive(), 0);
  await w.pass(999);
  assert.equal(w.opened.length, 1);
  await w.pass(1);
  assert.equal(w.alive(), 1);
});

test("a stream goes on where the one before broke off", async () => {
  const w = world();
  w.stream.open();
  w.last().fire("now", {}, "41");
  w.last().fire("minute", { start_s: 60 }, "42");
  w.last().fire("error");
  await w.pass(1_000);
  w.stream.hide();
  w.stream.show();
  assert.deepEqual(w.lasts, ["", "42", "42"]);
});

test("a restart: tried in short steps, and live within a second of the daemon's return", async () => {
  for (const random of [0, 0.99]) {
    for (const downMs of [0, 700, 3_000, 15_000]) {
      const w = world();
      w.stream.outside.random = () => random;
      w.answers = false;
      w.stream.open();
      w.last().fire("now", {}, "7");
      w.last().fire("bye", { retry_ms: 400 });
      const start = w.ms;
      while (w.ms - start < downMs) {
        await w.pass(1);
        // Nothing listens: a stream fails at once.
        if (w.ms - start < downMs) w.last().fire("error");
      }
      while (w.alive() === 0) await w.pass(1);
      w.last().fire("now", {}, "8");
      assert.ok(w.ms - start - downMs <= 800, `${downMs}: ${w.ms - start - downMs} ms later`);
      assert.equal(w.stream.connection, "live");
      assert.equal(w.asked, 0, "no question meanwhile");
    }
  }
  // A daemon that does not come back is asked for as one that is gone.
  const w = world();
  w.answers = false;
  w.stream.open();
  w.last().fire("now", {});
  w.last().fire("bye", { retry_ms: 400 });
  for (const end = w.ms + 2 * RESTART_MS; w.ms < end; ) {
    w.last().fire("error");
    await w.pass(100);
  }
  const before = w.opened.length;
  for (const end = w.ms + 20_000; w.ms < end; ) {
    w.last().fire("error");
    await w.pass(100);
  }
  assert.ok(w.opened.length - before <= 4, `${w.opened.length - before} tries in 20 s`);
});

test("seen, hidden and failing in any order: at most one stream, none while hidden", async () => {
  const w = world();
  let seed = 3;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  let isHidden = false;
  w.stream.open();
  for (let n = 0; n < 3_000; n += 1) {
    const act = Math.floor(random() * 6);
    w.answers = random() > 0.5;
    if (act === 0) {
      w.stream.show();
      isHidden = false;
    } else if (act === 1) {
      w.stream.hide();
      isHidden = true;
    } else if (act === 2) w.last().fire("error");
    else if (act === 3) w.last().fire("now", {});
    else if (act === 4) w.last().fire("bye", { retry_ms: 500 });
    else await w.pass(random() * 40_000);
    assert.ok(w.alive() <= 1, "one stream");
    if (isHidden) assert.equal(w.alive() + w.timers(), 0, "nothing while hidden");
    else assert.ok(w.alive() + w.timers() > 0, "it never gives up");
    assert.ok(w.timers() <= 3, String(w.timers()));
  }
});

test("what is no JSON is passed over", () => {
  const w = world();
  w.stream.open();
  w.stream.heard("now", { data: "{", lastEventId: "1" });
  assert.deepEqual(w.told, []);
});

// The modules of the pages that need no page: formats, the pace, the reasons of an end.

import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { closeFor, endReason, hearEnd } from "../../../proxim/web/pages/end.js";
import { duration, roughly, size } from "../../../proxim/web/pages/format.js";
import { Pace } from "../../../proxim/web/pages/pace.js";

test("numbers are formatted for people", () => {
  assert.deepEqual([0, 39.2, 725, 12_000, 187_200].map(duration), ["0:00", "0:40", "12:05", "3 h 20 min", "2 d 4 h"]);
  assert.deepEqual([3, 90, 4000, 200_000].map(roughly), ["3 s", "1 min", "1 h", "2 d"]);
  assert.deepEqual([0, 999, 1500, 52_428_800, 5e9].map(size), ["0 B", "999 B", "1.5 kB", "52.4 MB", "5.0 GB"]);
});

test("the pace allows a burst and a rate, and unused messages do not add up", () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  try {
    const pace = new Pace(3, 2);
    const taken = () => [1, 2, 3, 4].filter(() => pace.takes()).length;
    assert.equal(taken(), 3);
    now += 1000;
    assert.equal(taken(), 2);
    now += 400;
    assert.equal(taken(), 0);
    now += 100;
    assert.equal(taken(), 1);
    now += 60_000;
    assert.equal(taken(), 3);
  } finally {
    mock.restoreAll();
  }
});

/** Return a session that notes what is done with it. */
function fakeSession(reason) {
  const done = [];
  return {
    done,
    status: "approved",
    over: { reason },
    send: (data) => done.push(data),
    close: async () => done.push("closed"),
  };
}

test("the reason of the other side is shown for an end that it caused", () => {
  for (const said of ["left", "done", "flooded", "failed"]) {
    for (const reason of ["closed", "disconnected"]) {
      const session = fakeSession(reason);
      hearEnd(session, { end: said });
      assert.equal(endReason(session), said);
    }
  }
  const expired = fakeSession("expired");
  hearEnd(expired, { end: "left" });
  assert.equal(endReason(expired), "expired");
  assert.equal(endReason(fakeSession("closed")), "closed");
});

test("an unknown reason of the other side is a failure, and other signals are no reason", () => {
  for (const [data, reason] of [[{ end: "constructor" }, "failed"], [{ end: 1 }, "closed"], [{}, "closed"], [null, "closed"], ["left", "closed"]]) {
    const session = fakeSession("closed");
    hearEnd(session, data);
    assert.equal(endReason(session), reason);
  }
});

test("a side that closes a session says why first, and does not blame the other side", async () => {
  const session = fakeSession("closed");
  hearEnd(session, { end: "left" });
  await closeFor(session, "flooded");
  hearEnd(session, { end: "left" });
  assert.deepEqual(session.done, [{ end: "flooded" }, "closed"]);
  assert.equal(endReason(session), "floodedHere");
});

test("a session is closed even if its reason cannot be sent, and a pending one says nothing", async () => {
  const full = fakeSession("closed");
  full.send = () => {
    throw new Error("too many values wait");
  };
  await closeFor(full, "left");
  assert.deepEqual(full.done, ["closed"]);
  const pending = Object.assign(fakeSession("closed"), { status: "pending" });
  await closeFor(pending, "left");
  assert.deepEqual(pending.done, ["closed"]);
});

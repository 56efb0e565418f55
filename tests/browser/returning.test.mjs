// When a page comes back: what each close code leads to, and never faster than the back-off.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Client, LASTING, SPREAD } from "../../src/hugathome/browser/protocol/client.js";

const WELCOME = { type: "welcome", peer: "p_me", participant: "p-1", session: { id: "hug.1" }, state: "waiting", token: "t_1", limits: {} };
const CODES = JSON.parse(readFileSync(new URL("../corpus/closing.json", import.meta.url), "utf-8"))
  .flatMap(({ steps }) => steps[0].received || [])
  .map(({ code, retry }) => ({ code, retry }));

function connected(client, now) {
  client.opened({ grant: "g", nonce: "n", now });
  client.received(JSON.stringify(WELCOME), { now });
  return client;
}

const backOf = (effects) => effects.find(({ kind }) => kind === "return");

for (const { code, retry } of CODES.filter((each) => each.code >= 4000)) {
  test(`a WebSocket that closes with ${code} says the same as the message: ${retry}`, () => {
    const told = connected(new Client(), 0);
    const lost = connected(new Client(), 0);

    const asked = told.received(JSON.stringify({ type: "close", code, reason: "", retry }), { now: 1 });

    assert.deepEqual(lost.lost({ code, now: 1 }), asked);
    assert.deepEqual([lost.phase, lost.resumes], [told.phase, told.resumes]);
  });
}

for (const { code, retry } of CODES.filter((each) => each.retry !== "never")) {
  test(`after ${code} again and again the wait doubles up to its most, and starts anew once one has lasted`, () => {
    const client = new Client();
    let now = 0;
    const closed = (after) => {
      connected(client, now);
      client.hinted({ now });
      now += after;
      return backOf(client.received(JSON.stringify({ type: "close", code, retry }), { now })).spread;
    };

    const spreads = Array.from({ length: 8 }, () => closed(1));

    assert.deepEqual(spreads, [0.5, 1, 2, 4, 8, 15, 15, 15]);
    assert.deepEqual([SPREAD[0], SPREAD[1]], [spreads[0], spreads[7]]);
    assert.equal(closed(LASTING), 0.5);
  });
}

test("what was let go does not come again behind what is newer, where the log comes back older", () => {
  const client = connected(new Client(), 0);
  const text = (number) => ({ participant: "p-1", text: `${number}`, at: new Date(number * 1000).toISOString(), id: `p_1.${number}` });
  const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, index) => first + index);
  for (const number of numbers(1, 101)) client.received(JSON.stringify({ type: "text", ...text(number) }), { now: 1 }); // one more than is kept
  const texts = [...numbers(1, 90), 102].map(text);

  client.received(JSON.stringify({ type: "snapshot", state: "admitted", session: { id: "hug.1" }, texts }), { now: 1 });

  assert.deepEqual(client.texts, numbers(3, 102).map(text));
});

test("the same words said twice at once are read twice", () => {
  const client = connected(new Client(), 0);
  const text = (number) => ({ participant: "p-1", text: "Oui", at: "2026-11-22T09:00:00Z", id: `p_1.${number}` });

  for (const number of [1, 2]) client.received(JSON.stringify({ type: "text", ...text(number) }), { now: 1 });

  assert.deepEqual(client.texts, [text(1), text(2)]);
});

// One line alone, and two lines facing each other over a room that relays in an order of its own.
import assert from "node:assert/strict";
import { test } from "node:test";

import { CONNECT_WITHIN, FAILED_WAITS, Line } from "../../src/hugathome/browser/protocol/line.js";

const PAIR = { pc: "c_1", gen: 1, peer: "p_other", participant: "dr", polite: false, mode: "optimistic", neg: 0 };
const sdp = (ufrag) => `v=0\r\na=ice-ufrag:${ufrag}\r\n`;
const offerer = (extra = {}) => new Line({ ...PAIR, ...extra }, { offersFirst: true, now: 0 });
const answerer = (extra = {}) => new Line({ ...PAIR, polite: true, ...extra }, { offersFirst: false, now: 0 });
const kinds = (effects) => effects.map((effect) => (effect.kind === "say" ? effect.command.type : effect.kind));

test("the side that offers first does so without being asked", () => {
  assert.deepEqual(kinds(offerer().begun()), ["describe"]);
});

test("the other side waits for the first offer, whatever its endpoint wants", () => {
  const line = answerer();

  assert.deepEqual(line.begun(), []);
  assert.deepEqual(line.wantsOffer(), []);
  assert.deepEqual(kinds(line.received({ type: "offer", neg: 1, sdp: sdp("aaaa") })), ["apply"]);
  assert.deepEqual(kinds(line.answered(sdp("bbbb"))), ["answer"]);
  assert.deepEqual(kinds(line.wantsOffer()), ["describe"]);
});

test("every command names its connection and generation, and offers are numbered", () => {
  const line = offerer({ gen: 3 });
  line.begun();

  const [{ command }] = line.offered(sdp("aaaa"));

  assert.deepEqual(command, { type: "offer", neg: 1, sdp: sdp("aaaa"), pc: "c_1", gen: 3 });
});

test("a connection that an endpoint of ours began, and is no more, is begun anew", () => {
  assert.deepEqual(kinds(offerer({ neg: 2 }).begun()), ["restart"]);
});

test("a wish during a round is kept until the round is over", () => {
  const line = offerer();
  line.begun();
  assert.deepEqual(line.wantsOffer(), []);
  line.offered(sdp("aaaa"));

  assert.deepEqual(kinds(line.received({ type: "answer", neg: 1, sdp: sdp("bbbb") })), ["apply", "describe"]);
});

test("an answer that nobody waits for changes nothing", () => {
  const line = offerer();
  line.begun();

  assert.deepEqual(line.received({ type: "answer", neg: 1, sdp: sdp("bbbb") }), []);
  line.offered(sdp("aaaa"));
  assert.deepEqual(line.received({ type: "answer", neg: 2, sdp: sdp("bbbb") }), []);
  assert.equal(line.round, "offered");
});

test("of two offers that cross, the impolite side's stands", () => {
  const impolite = offerer();
  impolite.begun();
  const polite = answerer({ neg: 0 });
  polite.neg = 1; // a round lies behind it: now it may offer, too
  impolite.neg = 1;
  polite.wantsOffer();
  polite.offered(sdp("pppp"));
  impolite.offered(sdp("iiii"));

  assert.deepEqual(impolite.received({ type: "offer", neg: 2, sdp: sdp("pppp") }), []);
  assert.deepEqual(kinds(polite.received({ type: "offer", neg: 2, sdp: sdp("iiii") })), ["apply"]);
  assert.equal(polite.round, "answering");
});

test("an offer that was overtaken while it was made is dropped", () => {
  const polite = answerer();
  polite.neg = 1;
  polite.wantsOffer();
  polite.received({ type: "offer", neg: 2, sdp: sdp("iiii") });

  assert.deepEqual(polite.offered(sdp("pppp")), []);
  assert.deepEqual(kinds(polite.answered(sdp("pppp"))), ["answer"]);
});

test("candidates are held until their description was handed on", () => {
  const line = answerer();
  const early = { candidate: "candidate:1", usernameFragment: "aaaa" };
  const next = { candidate: "candidate:2", usernameFragment: "cccc" };

  assert.deepEqual(line.received({ type: "candidate", candidates: [early, next] }), []);
  const effects = line.received({ type: "offer", neg: 1, sdp: sdp("aaaa") });

  assert.deepEqual(kinds(effects), ["apply", "candidates"]);
  assert.deepEqual(effects[1].candidates, [early]);
  const end = { candidate: "" };
  assert.deepEqual(line.received({ type: "candidate", candidates: [end] })[0].candidates, [end]);
});

test("what is held has a limit", () => {
  const line = answerer();
  const many = Array.from({ length: 500 }, (_, number) => ({ candidate: `candidate:${number}` }));

  line.received({ type: "candidate", candidates: many });
  const [, { candidates }] = line.received({ type: "offer", neg: 1, sdp: sdp("aaaa") });

  assert.equal(candidates.length, 64);
  assert.equal(candidates[63].candidate, "candidate:499");
});

test("what does not connect has its time, and is then begun anew", () => {
  const line = offerer();

  assert.deepEqual(line.overdue({ now: CONNECT_WITHIN - 0.1 }), []);
  assert.deepEqual(kinds(line.overdue({ now: CONNECT_WITHIN })), ["restart"]);
});

test("what broke after it had worked is begun anew at once, what never worked a little later", () => {
  const line = offerer();
  assert.deepEqual(kinds(line.fared("failed", { now: 1 })), ["media"]);
  assert.deepEqual(line.overdue({ now: 0.9 + FAILED_WAITS }), []);
  assert.deepEqual(kinds(line.overdue({ now: 1 + FAILED_WAITS })), ["restart"]);

  line.fared("connected", { now: 20 });

  assert.deepEqual(line.overdue({ now: 1000 }), []);
  assert.deepEqual(kinds(line.fared("failed", { now: 21 })), ["media", "restart"]);
});

test("an endpoint that fails to describe is begun anew, but not at once", () => {
  const line = offerer();
  line.begun();

  assert.deepEqual(line.failed({ now: 5 }), []);
  assert.deepEqual(line.overdue({ now: 6 }), []);
  assert.deepEqual(kinds(line.overdue({ now: 7 })), ["restart"]);
});

test("two endpoints that want to offer at any time always end stable, with the same last round", () => {
  for (let seed = 1; seed <= 2000; seed += 1) holdTalk(seed);
});

/** Let both sides want offers at random moments, over a room that orders and refuses as ours does. */
function holdTalk(seed) {
  const random = generator(seed);
  const room = { neg: 0, holder: null };
  const sides = [offerer(), answerer()].map((line, index) => ({ line, index, inbox: [], outbox: [], jobs: [] }));
  const wishes = [3, 3];
  const carryOut = (side, effects) => {
    for (const effect of effects) {
      if (effect.kind === "say") side.outbox.push(effect.command);
      if (effect.kind === "describe") side.jobs.push((line) => line.offered(sdp("xxxx")));
      if (effect.kind === "apply" && effect.type === "offer") side.jobs.push((line) => line.answered(sdp("yyyy")));
    }
  };
  const relay = (from, message) => {
    const crosses = room.holder !== null && room.holder !== from.index && from.index === 0;
    const isDue = room.holder === null ? message.neg === room.neg + 1 : crosses && [0, 1].includes(message.neg - room.neg);
    if (message.type === "offer" && isDue) Object.assign(room, { neg: message.neg, holder: from.index });
    else if (message.type === "answer" && room.holder === 1 - from.index && message.neg === room.neg) room.holder = null;
    else return;
    sides[1 - from.index].inbox.push(message);
  };
  carryOut(sides[0], sides[0].line.begun());
  for (let step = 0; step < 2000; step += 1) {
    const moves = sides.flatMap((side) => [
      ...(wishes[side.index] > 0
        ? [() => ((wishes[side.index] -= 1), carryOut(side, side.line.wantsOffer()))]
        : []),
      ...(side.jobs.length > 0 ? [() => carryOut(side, side.jobs.shift()(side.line))] : []),
      ...(side.outbox.length > 0 ? [() => relay(side, side.outbox.shift())] : []),
      ...(side.inbox.length > 0 ? [() => carryOut(side, side.line.received(side.inbox.shift()))] : []),
    ]);
    if (moves.length === 0) break;
    moves[Math.floor(random() * moves.length)]();
  }
  assert.deepEqual(
    sides.map(({ line }) => [line.round, line.neg]),
    [["stable", room.neg], ["stable", room.neg]],
    `seed ${seed}`,
  );
  assert.ok(room.neg >= 2, `seed ${seed}: wishes were forgotten`);
}

/** A small deterministic generator (mulberry32). */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

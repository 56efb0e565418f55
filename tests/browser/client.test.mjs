// The client core against frames as a hub writes them: no socket, no clock, no browser.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, GREET_WITHIN, LASTING, LOST_AFTER, SPREAD } from "../../src/hugathome/browser/protocol/client.js";

const WELCOME = {
  v: 1,
  type: "welcome",
  peer: "p_me",
  participant: "p-1",
  role: "patient",
  can: ["send-media"],
  session: { id: "hug.1", status: "planned", modality: "video", hostPresent: false },
  state: "waiting",
  recovered: false,
  token: "t_1",
  heartbeat: 20,
  pos: "7.aaaaaaaaaaaa",
  limits: { window: 2, deadAfter: 45 },
  snapshot: { state: "waiting", session: { id: "hug.1", status: "planned", modality: "video" }, participants: [] },
};
const PAIR = {
  type: "pair",
  pc: "c_1",
  gen: 1,
  peer: "p_dr",
  participant: "dr",
  polite: true,
  mode: "optimistic",
  offerer: "p_dr",
};
const SDP = "v=0\r\na=ice-ufrag:aaaa\r\n";

const hear = (client, message, now = 0) => client.received(JSON.stringify({ v: 1, ...message }), { now });
const sent = (effects) => effects.filter(({ kind }) => kind === "send").map(({ text }) => JSON.parse(text));
const kinds = (effects) => effects.map(({ kind }) => kind);

function live({ welcome = {}, now = 0 } = {}) {
  const client = new Client({ agent: "test" });
  client.opened({ grant: "g_1", nonce: "n_1", now });
  hear(client, { ...WELCOME, ...welcome }, now);
  return client;
}

test("it greets with the grant, and with what this device can do", () => {
  const [hello] = sent(new Client({ agent: "x".repeat(999) }).opened({ grant: "g_1", nonce: "n_1", now: 0 }));

  assert.equal(hello.type, "hello");
  assert.deepEqual(hello.versions, [1]);
  assert.equal(hello.grant, "g_1");
  assert.equal(hello.nonce, "n_1");
  assert.deepEqual(hello.caps, { rollback: true, iceRestart: true, trickle: "full" });
  assert.equal(hello.agent.length, 300);
});

test("it says nothing before the welcome, then everything in order and numbered", () => {
  const client = new Client();
  assert.deepEqual(client.said({ type: "step", step: "devices-allowed" }), []);
  client.opened({ grant: "g_1", nonce: "n_1", now: 0 });

  const [first] = sent(hear(client, WELCOME));
  const [second] = sent(client.said({ type: "leave" }));

  assert.deepEqual([first.type, first.seq], ["step", 1]);
  assert.deepEqual([second.type, second.seq], ["leave", 2]);
});

test("no more is under way than the window allows", () => {
  const client = live();
  for (let number = 0; number < 3; number += 1) client.said({ type: "step", step: "screen-off" });

  const [third, ...others] = sent(hear(client, { type: "ack", ack: 1 }));

  assert.equal(third.seq, 3);
  assert.deepEqual(others, []);
});

test("it resumes where it was, and sends again what was not acknowledged", () => {
  const client = live();
  client.said({ type: "step", step: "screen-off" });
  client.said({ type: "step", step: "screen-on" });
  hear(client, { type: "session", id: "hug.1", status: "in-progress", modality: "video", pos: "9.bbbbbbbbbbbb", ack: 1 });
  client.lost({ now: 1 });

  const [hello] = sent(client.opened({ nonce: "n_2", now: 2 }));
  const again = sent(hear(client, { ...WELCOME, recovered: true, snapshot: undefined, token: "t_2" }, 2));

  assert.deepEqual(hello.resume, { session: "hug.1", peer: "p_me", pos: "9.bbbbbbbbbbbb", token: "t_1" });
  assert.equal(hello.grant, undefined);
  assert.deepEqual(again.map(({ seq, step }) => [seq, step]), [[2, "screen-on"]]);
});

test("a rejoin begins a new peer: new numbers, and nothing about connections that are no more", () => {
  const client = live();
  hear(client, { type: "snapshot", state: "admitted", session: WELCOME.session, participants: [], pairs: [PAIR] });
  client.heard("c_1", 1, "fared", "connecting", { now: 0 });
  client.said({ type: "step", step: "screen-off" });

  const effects = hear(client, { type: "close", code: 4014, reason: "", retry: "rejoin" }, 1);
  const [hello] = sent(client.opened({ grant: "g_2", nonce: "n_2", now: 2 }));
  const rejoined = hear(client, { ...WELCOME, peer: "p_new", pos: "1.cccccccccccc" }, 2);

  assert.deepEqual(kinds(effects), ["drop", "return"]);
  assert.equal(hello.grant, "g_2");
  assert.deepEqual(sent(rejoined).map(({ type, seq }) => [type, seq]), [["step", 1]]);
  assert.deepEqual(rejoined.filter(({ kind }) => kind === "disconnect"), [{ kind: "disconnect", pc: "c_1", gen: 1 }]);
});

test("losing the hub alone touches no connection", () => {
  const client = live();
  hear(client, PAIR);

  assert.deepEqual(kinds(client.lost({ now: 1 })), ["return"]);
  assert.deepEqual([...client.lines.keys()], ["c_1"]);
});

test("what the room pairs is connected once, renewed with its generation, and ended with the pair", () => {
  const client = live();

  const dr = { participant: "dr", role: "practitioner", state: "admitted", admitted: true };
  hear(client, { type: "snapshot", state: "admitted", session: WELCOME.session, participants: [dr] });

  assert.deepEqual(kinds(hear(client, PAIR)), ["connect"]);
  assert.deepEqual(kinds(hear(client, PAIR)), []);
  assert.deepEqual(kinds(hear(client, { ...PAIR, type: "renew", gen: 2 })), ["connect"]);
  assert.deepEqual(kinds(hear(client, { type: "unpair", pc: "c_1" })), ["disconnect"]);
  assert.deepEqual(kinds(hear(client, { type: "unpair", pc: "c_1" })), []);
});

test("descriptions and candidates go to the present generation only", () => {
  const client = live();
  hear(client, { ...PAIR, gen: 2 });

  assert.deepEqual(hear(client, { type: "offer", pc: "c_1", gen: 1, neg: 1, sdp: SDP }), []);
  assert.deepEqual(hear(client, { type: "offer", pc: "c_0", gen: 2, neg: 1, sdp: SDP }), []);
  assert.deepEqual(hear(client, { type: "offer", pc: "c_1", gen: 2, neg: 1, sdp: SDP }), [
    { kind: "apply", type: "offer", sdp: SDP, pc: "c_1", gen: 2 },
  ]);
  assert.deepEqual(client.heard("c_1", 1, "answered", SDP), []);
  const [answer] = sent(client.heard("c_1", 2, "answered", SDP));
  assert.deepEqual([answer.type, answer.pc, answer.gen, answer.neg], ["answer", "c_1", 2, 1]);
});

test("a snapshot replaces what was known", () => {
  const client = live();
  hear(client, PAIR);
  hear(client, { type: "participant", participant: "dr", role: "practitioner", state: "admitted", admitted: true });
  const nurse = { participant: "nurse", role: "nurse", state: "admitted", admitted: true };
  const other = { ...PAIR, pc: "c_2", participant: "nurse" };

  const view = { state: "admitted", session: WELCOME.session, participants: [nurse], pairs: [other] };
  const effects = hear(client, { type: "snapshot", ...view });

  assert.deepEqual(kinds(effects), ["disconnect", "connect"]);
  assert.deepEqual([...client.roster.keys()], ["nurse"]);
  assert.equal(client.state, "admitted");
});

test("ICE servers come with the welcome or later, and are none until then", () => {
  const client = live();
  assert.deepEqual(client.iceServers, []);
  const servers = [{ urls: ["turns:turn.example.ch"], username: "u", credential: "c" }];

  hear(client, { type: "ice-servers", iceServers: servers, relayOnly: true });

  assert.deepEqual(client.iceServers, servers);
  assert.equal(client.relayOnly, true);
});

test("a ping is answered, and silence is death", () => {
  const client = live();

  assert.deepEqual(sent(hear(client, { type: "ping", t: 5 }, 10)), [{ v: 1, type: "pong", t: 5 }]);
  assert.equal(client.due, 55);
  assert.deepEqual(client.passed({ now: 54 }), []);
  assert.deepEqual(kinds(client.passed({ now: 55 })), ["drop", "return"]);
});

test("a hub that does not answer the hello is left", () => {
  const client = new Client();
  client.opened({ grant: "g_1", nonce: "n_1", now: 3 });

  assert.equal(client.due, 3 + GREET_WITHIN);
  assert.deepEqual(kinds(client.passed({ now: 3 + GREET_WITHIN })), ["drop", "return"]);
});

test("nobody asks for a new connection to somebody who is away", () => {
  const client = live();
  hear(client, PAIR);
  hear(client, { type: "participant", participant: "dr", role: "practitioner", state: "away" });
  hear(client, { type: "ping", t: 1 }, 30);
  assert.deepEqual(client.passed({ now: 31 }), []);

  hear(client, { type: "participant", participant: "dr", role: "practitioner", state: "admitted" }, 31);

  assert.deepEqual(sent(client.passed({ now: 32 })).map(({ type }) => type), ["restart"]);
});

test("the wait before a return doubles up to its most, and starts anew after a connection that lasted", () => {
  const client = new Client();
  const spreads = [];
  for (let round = 0; round < 8; round += 1) {
    client.opened({ grant: "g", nonce: "n", now: 0 });
    spreads.push(client.lost({ now: 1 })[0].spread);
  }
  assert.deepEqual(spreads, [0.5, 1, 2, 4, 8, 15, 15, 15]);
  assert.deepEqual(SPREAD, [0.5, 15]);

  client.opened({ grant: "g", nonce: "n", now: 0 });
  hear(client, WELCOME, 0);

  assert.equal(client.lost({ now: LASTING })[0].spread, 0.5);
});

for (const [code, retry] of [
  [1001, "resume"],
  [4001, "never"],
  [4002, "resume"],
  [4003, "rejoin"],
  [4005, "never"],
  [4006, "never"],
  [4010, "resume"],
  [4014, "rejoin"],
]) {
  test(`close ${code} leads to: ${retry}`, () => {
    const client = live();
    hear(client, PAIR);

    const effects = hear(client, { type: "close", code, reason: "because", retry, after: 3 }, 1);

    if (retry === "never") {
      assert.deepEqual(kinds(effects), ["drop", "disconnect"]);
      assert.deepEqual(client.end, { code, reason: "because" });
      assert.deepEqual(client.said({ type: "leave" }), []);
    } else {
      assert.deepEqual(kinds(effects), ["drop", "return"]);
      assert.equal(effects[1].after, 3);
      assert.equal(client.resumes, retry === "resume");
    }
  });
}

test("a client that is closed for good asks for nothing any more", () => {
  const client = live();
  client.lost({ now: 0 });
  client.opened({ nonce: "n_2", now: 1 });
  hear(client, { type: "close", code: 4005, reason: "", retry: "never" }, 1);

  assert.deepEqual(client.lost({ now: 2 }), []);
  assert.deepEqual(client.passed({ now: 1000 }), []);
  assert.equal(client.due, null);
});

test("a transport that cannot be had makes the wait longer, as one that was lost does", () => {
  const client = new Client();

  assert.deepEqual(client.lost({ now: 0 }), [{ kind: "return", after: 0, spread: 0.5 }]);
  assert.deepEqual(client.lost({ now: 1 }), [{ kind: "return", after: 0, spread: 1 }]);
});

test("the link is live until something is lost, then reconnecting, and lost once that has taken too long", () => {
  const client = new Client();
  assert.equal(client.link, "live");
  client.opened({ grant: "g", nonce: "n", now: 0 });
  hear(client, WELCOME, 0);
  client.lost({ now: 10 });
  assert.deepEqual([client.link, client.due], ["reconnecting", 10 + LOST_AFTER]);
  client.opened({ nonce: "n_2", now: 20 });
  client.lost({ now: 30 });

  client.passed({ now: 9.9 + LOST_AFTER });
  assert.equal(client.link, "reconnecting");
  assert.deepEqual(client.passed({ now: 10 + LOST_AFTER }), []);
  assert.deepEqual([client.link, client.due], ["lost", null]);

  client.opened({ nonce: "n_3", now: 50 });
  assert.equal(client.link, "lost");
  hear(client, { ...WELCOME, recovered: true, snapshot: undefined }, 50);
  assert.equal(client.link, "live");
});

test("fresh ICE servers are asked for when half of their lifetime has passed, and only by those inside", () => {
  const inside = { state: "admitted", iceServers: [], iceLifetime: 40, snapshot: undefined };
  const client = live({ welcome: inside });

  assert.equal(client.due, 20);
  assert.deepEqual(sent(client.passed({ now: 20 })), [{ v: 1, type: "ice-servers" }]);
  assert.deepEqual(client.passed({ now: 20 }), []);
  const servers = [{ urls: ["turn:turn.example.ch"] }];
  hear(client, { type: "ice-servers", iceServers: servers, iceLifetime: 30 }, 21);
  assert.equal(client.due, 36);
  hear(client, { type: "snapshot", state: "waiting", session: WELCOME.session }, 22);

  assert.deepEqual(client.passed({ now: 36 }), []);
});

test("ICE servers that never expire are never asked for again", () => {
  const client = live({ welcome: { state: "admitted", iceServers: [], snapshot: undefined } });

  assert.deepEqual(client.passed({ now: 44 }), []);
});

test("what is written is kept, and told once; what was written before comes with the room", () => {
  const client = live();
  const said = { participant: "dr", text: "Guten Tag" };
  const [early, late] = [1, 2].map((minute) => ({ ...said, at: `2026-11-22T09:0${minute}:00Z`, id: `p_dr.${minute}` }));

  const seen = hear(client, { type: "snapshot", state: "admitted", session: WELCOME.session, texts: [early] });
  const told = hear(client, { type: "text", pos: "9.bbbbbbbbbbbb", ...late });

  assert.deepEqual(seen, []);
  assert.deepEqual(told, [{ kind: "texted", text: late }]);
  assert.deepEqual(client.texts, [early, late]);
});

test("nothing may be written before the hub has said how much", () => {
  const client = new Client();
  assert.equal(client.limits.text, 0);

  client.opened({ grant: "g", nonce: "n", now: 0 });
  hear(client, { ...WELCOME, limits: { text: 1000 } });

  assert.equal(client.limits.text, 1000);
});

test("a new peer says again what this device sends, once and as it is now", () => {
  const client = live();
  client.said({ type: "sending", sound: true, picture: "camera" });
  client.said({ type: "sending", sound: false, picture: "none" });
  hear(client, { type: "ack", ack: 2 });
  hear(client, { type: "close", code: 4014, reason: "", retry: "rejoin" }, 1);
  client.opened({ grant: "g_2", nonce: "n_2", now: 2 });

  const said = sent(hear(client, { ...WELCOME, peer: "p_new" }, 2));

  assert.deepEqual(said, [{ v: 1, type: "sending", sound: false, picture: "none", seq: 1 }]);
});

test("a visit that becomes a phone visit keeps nothing of what was said of it before", () => {
  const client = live();
  hear(client, { type: "session", id: "hug.1", status: "in-progress", modality: "video", outcome: "advice" });

  hear(client, { type: "session", id: "hug.1", status: "in-progress", modality: "phone" });

  assert.equal(client.session.modality, "phone");
  assert.equal(client.session.outcome, undefined);
});

test("what must be understood, and is not, is the end", () => {
  const client = live();

  const effects = hear(client, { type: "weather", must: true });

  assert.deepEqual(kinds(effects), ["drop"]);
  assert.deepEqual([client.phase, client.end.code], ["closed", 4000]);
});

test("a close code without its message counts as well: a refused origin is never tried again", () => {
  const client = new Client();
  client.opened({ grant: "g", nonce: "n", now: 0 });

  assert.deepEqual(kinds(client.lost({ now: 1, code: 4015 })), ["drop"]);
  assert.equal(client.phase, "closed");
});

test("what the hub refuses is told with the command that it was, and keeps its number until acknowledged", () => {
  const client = live();
  client.said({ type: "admit", participant: "p-2" });

  const [refused] = hear(client, { type: "error", code: "not-permitted", ref: 1 });
  assert.deepEqual([refused.kind, refused.code, refused.of.participant], ["refused", "not-permitted", "p-2"]);

  client.lost({ now: 1 });
  client.opened({ nonce: "n_2", now: 2 });
  const [again] = sent(hear(client, { ...WELCOME, recovered: true, ack: 0 }, 2));
  assert.deepEqual([again.type, again.seq], ["admit", 1]); // the log may have been out of reach: a gap is the end

  client.lost({ now: 3 });
  client.opened({ nonce: "n_3", now: 4 });
  assert.deepEqual(sent(hear(client, { ...WELCOME, recovered: true, ack: 1 }, 4)), []);
});

test("a refusal that acknowledges its own command still says which it was", () => {
  const client = live();
  client.said({ type: "admit", participant: "p-2" });

  const [refused] = hear(client, { type: "error", code: "not-permitted", ref: 1, ack: 1 });

  assert.equal(refused.of.participant, "p-2");
});

test("what this version does not know is ignored, and its position kept", () => {
  const client = live();

  assert.deepEqual(hear(client, { type: "weather", pos: "12.dddddddddddd" }), []);
  client.lost({ now: 1 });
  assert.equal(sent(client.opened({ nonce: "n_2", now: 2 }))[0].resume.pos, "12.dddddddddddd");
});

// --- What is about to come -----------------------------------------------------------------------

const ROOM = { ...WELCOME.snapshot, state: "admitted" };
const INSIDE = { participant: "dr", state: "admitted", can: ["admit"], snapshot: ROOM };
const patientIs = (state) => ({ type: "participant", participant: "p-1", role: "patient", state });

test("whoever waits awaits a connection, and by telephone nobody does", () => {
  const client = live();
  assert.deepEqual([client.awaits, client.isMeeting], [true, false]);

  hear(client, { type: "session", ...WELCOME.session, modality: "phone" });

  assert.equal(client.awaits, false);
});

test("whoever is inside awaits a connection while somebody waits", () => {
  const client = live({ welcome: INSIDE });
  const seen = ["expected", "arrived", "departed"].map((state) => {
    hear(client, patientIs(state));
    return client.awaits;
  });

  assert.deepEqual(seen, [false, true, false]);
});

test("two people meet from the admission until they are connected", () => {
  const client = live({ welcome: INSIDE });
  hear(client, patientIs("admitted"));
  assert.deepEqual([client.isMeeting, client.isDescribed], [true, false]);
  hear(client, { ...PAIR, participant: "p-1", offerer: "p_me" });
  assert.deepEqual([client.isMeeting, client.isDescribed], [true, false]);

  client.heard("c_1", 1, "offered", SDP);
  assert.deepEqual([client.isMeeting, client.isDescribed], [true, true]);
  client.heard("c_1", 1, "fared", "connected", { now: 0 });

  assert.equal(client.isMeeting, false);
});

test("the side that answers has described itself once it has", () => {
  const client = live();
  hear(client, { type: "snapshot", state: "admitted", session: WELCOME.session, pairs: [PAIR] });
  hear(client, { type: "offer", pc: "c_1", gen: 1, neg: 1, sdp: SDP });
  assert.equal(client.isDescribed, false);

  client.heard("c_1", 1, "answered", SDP);

  assert.equal(client.isDescribed, true);
});

test("after the end nobody is awaited, and nobody met", () => {
  const client = live();

  hear(client, { type: "close", code: 4005, reason: "", retry: "never" });

  assert.deepEqual([client.awaits, client.isMeeting], [false, false]);
});

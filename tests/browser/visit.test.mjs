// A visit with a socket and connections that a test holds in its hand: what it sends to whom, when it looks.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Visit } from "../../src/hugathome/browser/visit/visit.js";

const SESSION = { id: "hug.1", status: "in-progress", modality: "video" };
const SENDS = { sound: true, picture: "none" };
const WELCOME = {
  ...{ type: "welcome", peer: "p_me", participant: "p-1", session: SESSION, state: "admitted", token: "t_1" },
  limits: { text: 7 },
  iceServers: [{ urls: ["turn:old.example.ch"] }],
  snapshot: {
    ...{ state: "admitted", session: SESSION },
    participants: [{ participant: "dr", role: "practitioner", state: "admitted", sends: SENDS }],
  },
};
const PAIR = {
  ...{ type: "pair", pc: "c_1", gen: 1, peer: "p_dr", participant: "dr", polite: false, mode: "optimistic" },
  offerer: "p_me",
};

let socket;
let connections;
let looks;

class Socket {
  static OPEN = 1;

  constructor() {
    Object.assign(this, { readyState: Socket.OPEN, sent: [] });
    socket = this;
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {}

  hear(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

class Connection {
  constructor(configuration) {
    Object.assign(this, { configuration, tracks: [], awaited: [], connectionState: "new", brings: [], sends: {} });
    connections.push(this);
  }

  setConfiguration(configuration) {
    this.configuration = configuration;
  }

  addTrack({ label }) {
    this.tracks.push(label);
  }

  addTransceiver(kind) {
    this.awaited.push(kind);
  }

  getTransceivers() {
    return this.brings.map((kind) => ({
      receiver: { track: { kind }, getSynchronizationSources: () => [{}] },
      sender: { replaceTrack: async (track) => (this.sends[kind] = track && track.label) },
    }));
  }

  async createOffer() {
    this.offers = (this.offers || 0) + 1;
    return { sdp: "offer" };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  getStats() {
    looks += 1;
    return this.report;
  }

  close() {
    this.connectionState = "closed";
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
const camera = { kind: "video", label: "camera" };
const microphone = { kind: "audio", label: "microphone" };

beforeEach(() => {
  connections = [];
  looks = 0;
  globalThis.WebSocket = Socket;
  globalThis.RTCPeerConnection = Connection;
  globalThis.MediaStream = class {};
  globalThis.document = { hidden: false };
  Object.defineProperty(globalThis, "navigator", { value: { userAgent: "test" }, configurable: true });
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => mock.timers.reset());

async function attended(options = {}) {
  const told = { changes: 0, texts: [], published: [] };
  const visit = new Visit({
    tracks: [microphone, camera],
    freshGrant: async () => "g_1",
    changed: () => (told.changes += 1),
    rang: () => undefined,
    texted: (text) => told.texts.push(text.text),
    published: ({ topic, data }) => told.published.push([topic, data]),
    refused: () => undefined,
    disallowed: () => undefined,
    ...options,
  });
  visit.start();
  await settle();
  socket.onopen();
  socket.hear(WELCOME);
  socket.hear(PAIR);
  await settle();
  return { visit, told };
}

/** Let the figures of a good connection come, `seconds` after the first. */
function hearWell(seconds) {
  const figures = { type: "inbound-rtp", kind: "audio", id: "A", packetsLost: 0, packetsReceived: 50 * seconds };
  connections[0].report = Promise.resolve(new Map([["A", { ...figures, timestamp: 1000 * seconds }]]));
}

async function look() {
  mock.timers.tick(2000);
  await settle();
}

function connect() {
  connections[0].connectionState = "connected";
  connections[0].onconnectionstatechange();
}

test("a new connection gets what is sent at that moment, and the ICE servers of that moment", async () => {
  const { visit } = await attended();
  assert.deepEqual(connections[0].tracks, ["microphone", "camera"]);

  visit.send("video", { kind: "video", label: "screen" });
  visit.send("audio", null);
  socket.hear({ type: "ice-servers", iceServers: [{ urls: ["turn:new.example.ch"] }], relayOnly: true });
  socket.hear({ ...PAIR, type: "renew", gen: 2 });

  assert.deepEqual(connections[1].tracks, ["screen"]);
  assert.deepEqual(connections[1].configuration, {
    iceServers: [{ urls: ["turn:new.example.ch"] }],
    iceTransportPolicy: "relay",
    bundlePolicy: "max-bundle",
  });
});

test("whoever does not send asks for what the visit has", async () => {
  const { visit } = await attended({ tracks: [] });
  assert.deepEqual(connections[0].awaited, ["audio", "video"]);

  socket.hear({ type: "session", ...SESSION, modality: "audio" });
  visit.send("audio", microphone);
  socket.hear({ ...PAIR, type: "renew", gen: 2 });

  assert.deepEqual([connections[1].tracks, connections[1].awaited], [["microphone"], []]);
});

test("a text is told once, and how long one may be is known", async () => {
  const { visit, told } = await attended();

  socket.hear({ type: "text", participant: "dr", text: "Bun di", at: "2026-11-22T09:00:00Z" });

  assert.deepEqual(told.texts, ["Bun di"]);
  assert.equal(visit.limits.text, 7);
});

test("a message of the host's own is handed on", async () => {
  const { told } = await attended();

  socket.hear({ type: "app", topic: "hand", data: { raised: true }, participant: "dr" });
  socket.hear({ type: "app", topic: "bell", participant: "dr" });

  assert.deepEqual(told.published, [["hand", { raised: true }], ["bell", null]]);
});

test("the figures are looked at every two seconds, and a change is told", async () => {
  const { visit, told } = await attended();
  connect();
  for (const seconds of [2, 4]) {
    hearWell(seconds);
    await look();
  }
  const { changes } = told;

  assert.equal(looks, 2);
  assert.deepEqual(visit.quality.get("dr"), { sound: "good" });
  hearWell(6);
  await look();
  assert.equal(told.changes, changes, "nothing has changed");
});

test("what nobody can see is not looked at", async () => {
  await attended();
  connect();
  hearWell(2);
  globalThis.document.hidden = true;
  await look();
  assert.equal(looks, 0);

  globalThis.document.hidden = false;
  await look();

  assert.equal(looks, 1);
});

test("figures that are slow to come are not asked for twice", async () => {
  await attended();
  connect();
  let answer;
  connections[0].report = new Promise((resolve) => (answer = resolve));
  await look();
  await look();
  assert.equal(looks, 1);

  answer(new Map());
  await settle();
  await look();

  assert.equal(looks, 2);
});

test("before anything is connected there are no figures, and after the end neither", async () => {
  const { visit, told } = await attended();
  await look();
  assert.equal(looks, 0);
  connect();
  hearWell(2);

  visit.stop();
  const { changes } = told;
  await look();

  assert.deepEqual([looks, told.changes], [0, changes]);
});

test("an answer that comes after the end changes nothing", async () => {
  const { visit, told } = await attended();
  connect();
  let answer;
  connections[0].report = new Promise((resolve) => (answer = resolve));
  await look();
  visit.stop();
  const { changes } = told;

  answer(new Map());
  await settle();
  await look();

  assert.deepEqual([looks, told.changes], [1, changes]);
});

test("a connection that is made anew is lost until it brings something", async () => {
  const { visit } = await attended();
  connect();
  for (const seconds of [2, 4]) {
    hearWell(seconds);
    await look();
  }
  socket.hear({ ...PAIR, type: "renew", gen: 2 });
  assert.deepEqual(visit.quality.get("dr"), { sound: "good" });

  await look();
  await look();

  assert.deepEqual(visit.quality.get("dr"), { sound: "lost" });
});

test("a connection that never came about is lost once it had to be made anew", async () => {
  const { visit } = await attended();
  socket.hear({ type: "participant", participant: "dr", state: "admitted", sends: { sound: true, picture: "none" } });
  for (let looks = 0; looks < 4; looks += 1) await look();
  assert.deepEqual(visit.quality.get("dr"), {}, "it may take its time");
  socket.hear({ ...PAIR, type: "renew", gen: 2 });

  await look();
  await look();

  assert.deepEqual(visit.quality.get("dr"), { sound: "lost" });
});

// --- One connection in place of another ----------------------------------------------------------

/** Let one of the connections bring these kinds, and a look be taken at it. */
function bring(index, ...kinds) {
  connections[index].brings = kinds;
  mock.timers.tick(50);
}

test("what is shown goes on until its successor brings as much, and for a second more for the other side", async () => {
  const { visit, told } = await attended();
  connect();
  bring(0, "audio", "video");
  const shown = visit.streams.get("dr");

  socket.hear({ ...PAIR, type: "renew", gen: 2 });
  bring(1, "audio");
  assert.equal(visit.streams.get("dr"), shown);
  assert.equal(open().length, 2);

  const { changes } = told;
  bring(1, "audio", "video");
  assert.notEqual(visit.streams.get("dr"), shown, "never both at a time");
  assert.equal(told.changes, changes + 1);
  mock.timers.tick(999);
  assert.equal(open().length, 2);
  mock.timers.tick(1);
  assert.deepEqual(open(), [connections[1]]);
});

test("a room that has forgotten a connection stops no picture", async () => {
  const { visit } = await attended();
  connect();
  bring(0, "audio", "video");
  const shown = visit.streams.get("dr");
  const away = { participant: "dr", role: "practitioner", state: "away", admitted: true };

  socket.hear({ type: "snapshot", state: "admitted", session: SESSION, participants: [away] });
  assert.equal(visit.streams.get("dr"), shown);
  socket.hear({ ...PAIR, pc: "c_2", peer: "p_d2" });
  assert.equal(visit.streams.get("dr"), shown);
  bring(1, "video", "audio");

  assert.equal([...visit.streams].length, 1);
  assert.notEqual(visit.streams.get("dr"), shown);
});

test("what breaks while its successor is made is shown no more", async () => {
  const { visit } = await attended();
  connect();
  bring(0, "audio");
  const shown = visit.streams.get("dr");
  socket.hear({ ...PAIR, type: "renew", gen: 2 });

  connections[0].connectionState = "failed";
  mock.timers.tick(50);

  assert.notEqual(visit.streams.get("dr"), shown);
});

test("what is broken has no time left once its successor is made", async () => {
  await attended();
  connect();
  connections[0].connectionState = "disconnected";

  socket.hear({ ...PAIR, type: "renew", gen: 2 });

  assert.deepEqual(open(), [connections[1]]);
});

test("of two connections neither sends what is sent no more", async () => {
  const { visit } = await attended();
  connect();
  bring(0, "audio", "video");
  socket.hear({ ...PAIR, type: "renew", gen: 2 });
  connections[1].brings = ["video"];

  visit.send("video", null);
  await settle();

  assert.deepEqual(connections.map(({ sends }) => sends), [{ video: null }, { video: null }]);
});

for (const [name, message] of [
  ["their pair ends", { type: "unpair", pc: "c_1" }],
  ["the other leaves", { type: "participant", participant: "dr", role: "practitioner", state: "departed" }],
  ["they may not see each other", { type: "snapshot", state: "waiting", session: SESSION }],
  ["the visit ends", { type: "close", code: 4005, reason: "", retry: "never" }],
]) {
  test(`no connection goes on once ${name}`, async () => {
    await attended();
    connect();
    bring(0, "audio");
    socket.hear({ ...PAIR, type: "renew", gen: 2 });
    assert.equal(open().length, 2);

    socket.hear(message);

    assert.equal(open().includes(connections[0]), false);
  });
}

test("nothing goes on for more than fifteen seconds, nor after the stop", async () => {
  const { visit } = await attended();
  connect();
  bring(0, "audio");
  socket.hear({ ...PAIR, type: "renew", gen: 2 });
  visit._link.input((client, now) => client.passed({ now: now + 16 }));
  assert.equal(open().includes(connections[0]), false);

  visit.stop();

  assert.deepEqual([open(), visit.streams.size], [[], 0]);
});

test("a connection that is late is lost", async () => {
  const { visit } = await attended();
  socket.hear({ type: "participant", participant: "dr", state: "admitted", sends: { sound: true, picture: "none" } });
  visit.client.lines.get("c_1").overdue({ now: Infinity });

  await look();
  await look();

  assert.deepEqual(visit.quality.get("dr"), { sound: "lost" });
});

test("a visit by telephone has no connections, and no figures of any", async () => {
  const { visit } = await attended();
  connect();
  for (const seconds of [2, 4]) {
    hearWell(seconds);
    await look();
  }

  socket.hear({ type: "session", ...SESSION, modality: "phone" });
  socket.hear({ type: "unpair", pc: "c_1" });
  await look();

  assert.equal(visit.streams.size, 0);
  assert.equal(visit.quality.has("dr"), false);
});

// --- The next connection -------------------------------------------------------------------------

const WAITING = {
  ...{ type: "welcome", peer: "p_me", participant: "p-1", session: SESSION, state: "waiting", token: "t_1" },
  snapshot: { state: "waiting", session: SESSION },
};
const ADMITTED = {
  ...{ type: "snapshot", state: "admitted", session: SESSION },
  participants: [{ participant: "dr", role: "practitioner", state: "admitted", sends: SENDS }],
};
const HOST = {
  ...{ type: "welcome", peer: "p_me", participant: "dr", session: SESSION, state: "admitted", token: "t_1" },
  can: ["admit"],
  iceServers: [{ urls: ["turn:relay.example.ch"] }],
  snapshot: {
    ...{ state: "admitted", session: SESSION },
    participants: [{ participant: "p-1", role: "patient", state: "expected" }],
  },
};
const patientIs = (state) => ({ type: "participant", participant: "p-1", role: "patient", state });
const open = () => connections.filter(({ connectionState }) => connectionState !== "closed");

async function welcomed(welcome, options = {}) {
  const { visit } = await attended(options);
  visit.stop();
  connections = [];
  const fresh = new Visit({
    ...{ tracks: [microphone, camera], freshGrant: async () => "g_1", changed: () => undefined },
    ...{ rang: () => undefined, texted: () => undefined, published: () => undefined, refused: () => undefined, disallowed: () => undefined },
    ...options,
  });
  fresh.start();
  await settle();
  socket.onopen();
  socket.hear(welcome);
  return fresh;
}

test("whoever waits has a connection ready that knows no ICE server and describes nothing", async () => {
  await welcomed(WAITING);

  assert.equal(connections.length, 1);
  assert.deepEqual(connections[0].tracks, ["microphone", "camera"]);
  assert.deepEqual(connections[0].configuration, { bundlePolicy: "max-bundle" });
  assert.equal(connections[0].offers, undefined);
  assert.equal(connections[0].localDescription, undefined);
});

test("the connection that is ready becomes the first one, with the ICE servers of that moment", async () => {
  await welcomed(WAITING);

  socket.hear({ type: "ice-servers", iceServers: [{ urls: ["turn:new.example.ch"] }] });
  socket.hear(ADMITTED);
  socket.hear({ ...PAIR, offerer: "p_dr" });

  assert.equal(connections.length, 1);
  assert.deepEqual(connections[0].configuration.iceServers, [{ urls: ["turn:new.example.ch"] }]);
});

test("the clinician has an offer at hand once somebody waits, and applies it once they are let in", async () => {
  await welcomed(HOST);
  assert.equal(connections.length, 0, "nobody is expected at any moment");
  socket.hear(patientIs("arrived"));
  await settle();
  assert.equal(connections[0].offers, 1);
  assert.equal(connections[0].localDescription, undefined, "nothing is gathered, no relay asked");

  socket.hear(patientIs("admitted"));
  socket.hear({ ...PAIR, participant: "p-1" });
  await settle();

  assert.equal(connections.length, 1);
  assert.equal(connections[0].offers, 1);
  assert.equal(connections[0].localDescription.sdp, "offer");
  assert.equal(socket.sent.some(({ type }) => type === "offer"), true);
});

test("nobody's description or candidate leaves before somebody was let in", async () => {
  await welcomed(HOST);
  socket.hear(patientIs("arrived"));
  await settle();

  assert.deepEqual(socket.sent.map(({ type }) => type), ["hello"]);
});

test("a connection that is ready is closed once nobody waits any more", async () => {
  await welcomed(HOST);
  socket.hear(patientIs("arrived"));
  assert.equal(open().length, 1);

  socket.hear(patientIs("departed"));

  assert.equal(open().length, 0);
});

test("a connection that is ready is closed at the end, and by telephone", async () => {
  const visit = await welcomed(WAITING);
  socket.hear({ type: "session", ...SESSION, modality: "phone" });
  assert.equal(open().length, 0);
  socket.hear({ type: "session", ...SESSION, modality: "video" });
  assert.equal(open().length, 1);

  visit.stop();

  assert.equal(open().length, 0);
});

test("a connection that is ready carries what is sent at that moment", async () => {
  const visit = await welcomed(WAITING);

  visit.send("video", { kind: "video", label: "other camera" });

  assert.deepEqual(open().map(({ tracks }) => tracks), [["microphone", "other camera"]]);
});

test("a connection that is ready for the other role is not taken", async () => {
  await welcomed(WAITING);
  socket.hear(ADMITTED);

  socket.hear(PAIR);

  assert.equal(connections.length, 2);
  assert.equal(open().length, 1);
  assert.deepEqual(connections[1].tracks, ["microphone", "camera"]);
});

test("a browser that cannot be told of ICE servers later makes its connection when it is needed", async () => {
  const { setConfiguration } = Connection.prototype;
  delete Connection.prototype.setConfiguration;
  try {
    await welcomed(WAITING);
    assert.equal(connections.length, 0);

    socket.hear(ADMITTED);
    socket.hear({ ...PAIR, offerer: "p_dr" });

    assert.deepEqual(connections[0].tracks, ["microphone", "camera"]);
  } finally {
    Connection.prototype.setConfiguration = setConfiguration;
  }
});

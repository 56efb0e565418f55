// What an endpoint does to its RTCPeerConnection, with one that only takes notes.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Endpoint, PICTURE_FIRST, Prepared } from "../../src/hugathome/browser/media/endpoint.js";

const PAIR = { pc: "c_1", gen: 1 };
const OFFER = { kind: "apply", type: "offer", sdp: "v=0" };

class Connection {
  constructor(configuration) {
    Object.assign(this, { configuration, done: [], places: [], localDescription: null, signalingState: "stable" });
  }

  addTrack(track) {
    this.done.push(["addTrack", track.label]);
  }

  addTransceiver(kind, { direction }) {
    this.done.push(["addTransceiver", kind, direction]);
  }

  getTransceivers() {
    return this.places;
  }

  /** Give it a place of a kind, as an offer would. */
  make(kind, direction, currentDirection = direction) {
    const sender = { replaceTrack: async (track) => this.done.push(["replaceTrack", track && track.label]) };
    const place = { receiver: { track: { kind } }, sender, direction, currentDirection };
    this.places.push(place);
    return place;
  }

  async createOffer() {
    return { sdp: "offer" };
  }

  async createAnswer() {
    return { sdp: "answer" };
  }

  async setLocalDescription(description) {
    this.localDescription = description;
    this.done.push(["setLocalDescription", description.sdp || description.type]);
  }

  async setRemoteDescription({ type }) {
    if (this.refuses) throw new Error("no");
    this.done.push(["setRemoteDescription", type]);
  }

  setConfiguration(configuration) {
    this.done.push(["setConfiguration", configuration]);
  }

  restartIce() {
    this.done.push(["restartIce"]);
  }
}

const track = (kind, label = kind) => ({ kind, label });
const settle = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  globalThis.RTCPeerConnection = Connection;
  globalThis.MediaStream = class {};
});

afterEach(() => mock.timers.reset());

/** A connection of a browser that says how it fares. */
class TellingConnection extends Connection {
  connectionState = "new";

  close() {}
}

function endpoint({ tracks = [], offersFirst = false, configuration = () => ({ iceServers: [] }) } = {}) {
  const heard = [];
  const said = [];
  const what = { tracks, kinds: ["audio", "video"], offersFirst, configuration: configuration() };
  const made = new Endpoint({
    ...{ pair: PAIR, prepared: new Prepared(what), configuration },
    heard: (...what) => heard.push(what),
    say: (command) => said.push(command),
    received: () => undefined,
  });
  return { endpoint: made, rtc: made._rtc, heard, said };
}

test("whoever offers first asks for what they do not send", () => {
  const { rtc } = endpoint({ tracks: [track("audio")], offersFirst: true });

  assert.deepEqual(rtc.done, [
    ["addTrack", "audio"],
    ["addTransceiver", "video", "recvonly"],
  ]);
});

test("the first description needs no wish, for it is due in any case", async () => {
  const { endpoint: one, rtc, heard } = endpoint({ tracks: [track("audio")], offersFirst: true });
  rtc.onnegotiationneeded();
  assert.deepEqual(heard, []);
  one.perform({ kind: "describe" });
  await settle();

  rtc.onnegotiationneeded();

  assert.deepEqual(heard, [["offered", "offer"], ["wantsOffer"]]);
});

test("another track takes the place of the one before, without anything to negotiate", async () => {
  const { endpoint: one, rtc } = endpoint();
  rtc.make("audio", "sendrecv");
  const place = rtc.make("video", "sendrecv");

  one.send("video", track("video", "screen"));
  one.send("video", null);
  await settle();

  assert.deepEqual(rtc.done, [
    ["replaceTrack", "screen"],
    ["replaceTrack", null],
  ]);
  assert.equal(place.direction, "sendrecv");
});

test("a place that only received sends from then on", async () => {
  const { endpoint: one, rtc } = endpoint();
  const place = rtc.make("video", "recvonly", "inactive");

  one.send("video", track("video", "camera"));
  await settle();

  assert.deepEqual(rtc.done, [["replaceTrack", "camera"]]);
  assert.equal(place.direction, "sendrecv");
});

test("a track without a place is added, nothing is not", async () => {
  const { endpoint: one, rtc } = endpoint();
  rtc.make("video", "inactive", "stopped");

  one.send("video", null);
  one.send("video", track("video", "camera"));
  await settle();

  assert.deepEqual(rtc.done, [["addTrack", "camera"]]);
});

test("a track comes after the description that makes its place", async () => {
  const { endpoint: one, rtc } = endpoint();
  rtc.setRemoteDescription = async () => {
    await settle();
    rtc.make("video", "recvonly");
  };

  one.perform(OFFER);
  one.send("video", track("video", "camera"));
  await settle();
  await settle();

  assert.deepEqual(rtc.done, [
    ["setLocalDescription", "answer"],
    ["replaceTrack", "camera"],
  ]);
});

test("an ICE restart goes by the newest servers", async () => {
  let servers = ["old"];
  const { endpoint: one, rtc } = endpoint({ configuration: () => ({ iceServers: servers }) });
  assert.deepEqual(rtc.configuration, { iceServers: ["old"] });
  servers = ["new"];

  one.perform({ kind: "restart-ice" });
  await settle();

  assert.deepEqual(rtc.done, [["setConfiguration", { iceServers: ["new"] }], ["restartIce"]]);
});

test("a browser that cannot change its servers restarts ICE all the same", async () => {
  const { endpoint: one, rtc } = endpoint();
  rtc.setConfiguration = undefined;

  one.perform({ kind: "restart-ice" });
  await settle();

  assert.deepEqual(rtc.done, [["restartIce"]]);
});

test("what the browser refuses is told, and what is closed does nothing any more", async () => {
  const { endpoint: one, rtc, heard } = endpoint();
  rtc.close = () => undefined;
  rtc.refuses = true;
  one.perform(OFFER);
  await settle();
  assert.deepEqual(heard, [["failed"]]);

  one.close();
  one.perform(OFFER);
  await settle();

  assert.deepEqual(heard, [["failed"]]);
});

test("that it connects is told once a picture has had its time, and what went wrong at once", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.RTCPeerConnection = TellingConnection;
  const { rtc, heard } = endpoint();
  const become = (state) => {
    rtc.connectionState = state;
    rtc.onconnectionstatechange();
  };

  become("connecting");
  become("connected");
  mock.timers.tick(PICTURE_FIRST - 1);
  assert.deepEqual(heard, []);
  mock.timers.tick(1);
  assert.deepEqual(heard, [["fared", "connected"]]);

  for (const state of ["disconnected", "connected", "failed"]) become(state);
  assert.deepEqual(heard.slice(1), [["fared", "disconnected"], ["fared", "connected"], ["fared", "failed"]]);
});

test("a connection that breaks before that is told of is told as broken", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.RTCPeerConnection = TellingConnection;
  const { rtc, heard } = endpoint();
  for (const state of ["connected", "failed"]) {
    rtc.connectionState = state;
    rtc.onconnectionstatechange();
  }
  mock.timers.tick(PICTURE_FIRST);
  assert.deepEqual(heard, [["fared", "failed"]]);
});

test("a connection that was ended before that is told of is never told of", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.RTCPeerConnection = TellingConnection;
  const { endpoint: one, rtc, heard } = endpoint();
  rtc.connectionState = "connected";
  rtc.onconnectionstatechange();

  one.close();
  mock.timers.tick(PICTURE_FIRST);

  assert.deepEqual(heard, []);
});

test("a browser without a connection's state says how ICE fares", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { rtc, heard } = endpoint();

  for (const state of ["checking", "completed", "failed"]) {
    rtc.iceConnectionState = state;
    rtc.oniceconnectionstatechange();
    mock.timers.tick(PICTURE_FIRST);
  }

  assert.deepEqual(heard, [["fared", "connected"], ["fared", "failed"]]);
});

test("the first candidate goes at once, those after it together", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const { rtc, said } = endpoint();
  const found = (candidate) => rtc.onicecandidate({ candidate: candidate && { toJSON: () => ({ candidate }) } });

  found("a");
  mock.timers.tick(1);
  found("b");
  found("c");
  mock.timers.tick(1);
  found(null);
  mock.timers.tick(100);

  const candidates = said.map((command) => command.candidates.map(({ candidate }) => candidate));
  assert.deepEqual(candidates, [["a"], ["b", "c", ""]]);
});

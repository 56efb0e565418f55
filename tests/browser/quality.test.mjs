// What a person is told of sound and picture, from figures as a browser gives them: no browser, no clock.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Quality, Verdict, carried, judged, together } from "../../src/hugathome/browser/media/quality.js";

const AUDIO = { type: "inbound-rtp", kind: "audio", id: "A", packetsLost: 0, jitter: 0.01, concealedSamples: 0 };
const VIDEO = { type: "inbound-rtp", kind: "video", id: "V", packetsLost: 0, totalFreezesDuration: 0 };
const SENDS = { sound: true, picture: "camera" };

/** Figures after so many seconds of a good connection; `extra` is what was otherwise. */
const heard = (seconds, extra = {}) => ({
  ...AUDIO,
  timestamp: 1000 * seconds,
  packetsReceived: 50 * seconds,
  totalSamplesReceived: 48_000 * seconds,
  ...extra,
});
const watched = (seconds, extra = {}) => ({
  ...VIDEO,
  timestamp: 1000 * seconds,
  packetsReceived: 100 * seconds,
  framesDecoded: 25 * seconds,
  ...extra,
});
const report = (...figures) => new Map(figures.map((each) => [`${each.type} ${each.id}`, each]));
const good = (seconds) => report(heard(seconds), watched(seconds));

function shown(verdicts) {
  const verdict = new Verdict();
  return verdicts.map((each) => (verdict.take(each), verdict.shown));
}

test("what comes as it should is good", () => {
  assert.equal(judged(heard(2), heard(4)), "good");
  assert.equal(judged(watched(2), watched(4)), "good");
});

for (const [what, before, after] of [
  ["a tenth of the packets is lost", heard(2), heard(4, { packetsLost: 12 })],
  ["a tenth of the picture's packets is lost", watched(2), watched(4, { packetsLost: 25 })],
  ["packets come late", heard(2), heard(4, { jitter: 0.2 })],
  ["a fifth of the sound is made up", heard(2), heard(4, { concealedSamples: 20_000 })],
  ["the picture is a row of photographs", watched(2), watched(4, { framesDecoded: 55 })],
  ["the picture stands still half of the time", watched(2), watched(4, { totalFreezesDuration: 1 })],
]) {
  test(`it is weak where ${what}`, () => {
    assert.equal(judged(before, after), "weak");
  });
}

test("what no longer comes is lost", () => {
  assert.equal(judged(heard(2), heard(2, { timestamp: 4000 })), "lost");
  assert.equal(judged(watched(2), watched(4, { framesDecoded: 50 })), "lost");
  assert.equal(judged(undefined, undefined), "lost");
});

test("the silence of somebody who says nothing is not made up", () => {
  const quiet = { concealedSamples: 40_000, silentConcealedSamples: 40_000 };

  assert.equal(judged(heard(2), heard(4, quiet)), "good");
});

test("a screen on which nothing moves is no lost picture", () => {
  const still = watched(4, { framesDecoded: 50, packetsReceived: 200, totalFreezesDuration: 2 });

  assert.equal(judged(watched(2), still, { isStill: true }), "good");
  assert.equal(judged(watched(2), watched(4, { packetsLost: 100 }), { isStill: true }), "weak");
});

test("figures that cannot be compared say nothing", () => {
  assert.equal(judged(undefined, heard(2)), null);
  assert.equal(judged(heard(2), heard(4, { id: "B" })), null);
  assert.equal(judged(heard(2), heard(2)), null);
  assert.equal(judged(heard(20), heard(22, { packetsReceived: 10 })), null); // of a new connection
});

test("it is good at once, worse after two, and better after three", () => {
  assert.deepEqual(shown(["good", "weak", "weak"]), ["good", "good", "weak"]);
  assert.deepEqual(shown(["weak", "weak", "good", "good", "good"]), [null, "weak", "weak", "weak", "good"]);
  assert.deepEqual(shown(["lost", "lost"]), [null, "lost"]);
});

test("one bad moment among good ones is never shown", () => {
  assert.deepEqual(new Set(shown(["good", "lost", "good", "weak", "good", "lost", "good"])), new Set(["good"]));
});

test("what gets worse by steps is shown by steps, and what gets better, too", () => {
  assert.deepEqual(shown(["good", "weak", "lost", "lost"]), ["good", "good", "weak", "lost"]);
  assert.deepEqual(shown(["lost", "lost", "weak", "good", "weak"]), [null, "lost", "lost", "lost", "weak"]);
});

test("nothing is known before two samples", () => {
  const quality = new Quality();
  quality.take(null, SENDS);
  quality.take(null, SENDS);
  quality.take(good(2), SENDS);
  assert.deepEqual(quality.received, {});

  quality.take(good(4), SENDS);

  assert.deepEqual(quality.received, { sound: "good", picture: "good" });
});

test("a microphone that is muted and a camera that is off are not judged", () => {
  const quality = new Quality();
  for (const seconds of [2, 4, 6]) quality.take(good(seconds), SENDS);
  for (const seconds of [8, 10, 12]) {
    quality.take(report(heard(6, { timestamp: 1000 * seconds })), { sound: false, picture: "none" });
  }

  assert.deepEqual(quality.received, {});
});

test("of somebody who has not said what they send, only what has come is missed", () => {
  const quality = new Quality();
  for (const seconds of [2, 4, 6]) quality.take(report(heard(seconds)), undefined);
  assert.deepEqual(quality.received, { sound: "good" });

  for (const seconds of [8, 10]) quality.take(report(heard(6, { timestamp: 1000 * seconds })), undefined);

  assert.deepEqual(quality.received, { sound: "lost" });
});

test("a camera that is on and sends nothing is lost", () => {
  const quality = new Quality();
  for (const seconds of [2, 4, 6]) quality.take(report(heard(seconds)), SENDS);

  assert.deepEqual(quality.received, { sound: "good", picture: "lost" });
});

test("without a connection everything is lost, until the next one has brought something", () => {
  const quality = new Quality();
  for (const seconds of [2, 4, 6]) quality.take(good(seconds), undefined);
  quality.take(null, undefined);
  quality.take(null, undefined);
  assert.deepEqual(quality.received, { sound: "lost", picture: "lost" });

  for (const seconds of [10, 12, 14, 16]) quality.take(good(seconds), undefined);

  assert.deepEqual(quality.received, { sound: "good", picture: "good" });
});

test("a pause, in which nobody looked, is no interval", () => {
  const quality = new Quality();
  for (const seconds of [2, 4]) quality.take(good(seconds), SENDS);
  quality.pause();

  quality.take(report(heard(4, { timestamp: 90_000 }), watched(4, { timestamp: 90_000 })), SENDS);
  quality.take(good(92), SENDS);

  assert.deepEqual(quality.received, { sound: "good", picture: "good" });
});

test("of two streams of a kind the one that came last is looked at", () => {
  const quality = new Quality();
  const former = (seconds) => watched(2, { id: "old", timestamp: 1000 * seconds, lastPacketReceivedTimestamp: 2000 });
  const present = (seconds) => watched(seconds, { lastPacketReceivedTimestamp: 1000 * seconds });
  for (const seconds of [4, 6, 8]) quality.take(report(present(seconds), former(seconds)), SENDS);

  assert.equal(quality.received.picture, "good");
});

test("how one's own sound and picture arrive is what the others report", () => {
  assert.equal(carried(undefined), null);
  assert.equal(carried({ fractionLost: 0, roundTripTime: 0.1 }), "good");
  assert.equal(carried({ fractionLost: 0.2, roundTripTime: 0.1 }), "weak");
  assert.equal(carried({ fractionLost: 0, roundTripTime: 2 }), "weak");
  assert.equal(carried({}), "good");

  const quality = new Quality();
  const poor = { type: "remote-inbound-rtp", kind: "video", id: "R", fractionLost: 0.3 };
  for (const seconds of [2, 4]) quality.take(report(heard(seconds), { ...poor, timestamp: 1000 * seconds }), SENDS);
  assert.deepEqual(quality.sent, { picture: "weak" });
});

test("one's own connection is weak only where nobody receives well", () => {
  assert.deepEqual(together([]), {});
  assert.deepEqual(together([{ sound: "weak" }, {}]), { sound: "weak" });
  assert.deepEqual(together([{ sound: "weak", picture: "weak" }, { sound: "good", picture: "weak" }]), {
    sound: "good",
    picture: "weak",
  });
});

// Cameras and microphones of a browser that a test holds in its hand: what is opened, closed, and stays off.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Devices } from "../../src/hugathome/browser/media/devices.js";

class Track {
  constructor(kind, label = kind) {
    Object.assign(this, { kind, label, enabled: true, readyState: "live" });
  }

  getSettings() {
    return { deviceId: this.label };
  }

  stop() {
    this.readyState = "ended";
  }
}

class Stream {
  constructor(tracks) {
    this._tracks = tracks;
  }

  getTracks() {
    return this._tracks;
  }

  addTrack(track) {
    this._tracks = [...this._tracks, track];
  }

  removeTrack(track) {
    this._tracks = this._tracks.filter((each) => each !== track);
  }
}

let asked;

beforeEach(() => {
  asked = [];
  const getUserMedia = (wanted) => new Promise((give, refuse) => asked.push({ wanted, give, refuse }));
  const enumerateDevices = async () =>
    ["front", "back"].map((deviceId) => ({ kind: "videoinput", deviceId, label: deviceId }));
  Object.defineProperty(globalThis, "navigator", {
    value: { mediaDevices: { getUserMedia, enumerateDevices } },
    configurable: true,
  });
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

function refused(name) {
  return Object.assign(new Error(name), { name });
}

/** Give what was asked for last. */
async function give(...tracks) {
  asked[asked.length - 1].give(new Stream(tracks));
  await settle();
}

async function opened(options) {
  const devices = new Devices(options);
  const found = devices.open(["audio", "video"]);
  await give(new Track("audio"), new Track("video", "front"));
  assert.equal(await found, "all");
  return devices;
}

test("what is refused after everything was closed opens nothing else", async () => {
  const devices = new Devices();
  devices.open(["audio", "video"]);

  devices.close();
  asked[0].refuse(refused("NotFoundError"));
  await settle();

  assert.equal(asked.length, 1);
  assert.equal(devices.why, null);
});

test("what comes after everything was closed is closed", async () => {
  const devices = new Devices();
  const late = new Track("audio");
  devices.open(["audio"]);

  devices.close();
  await give(late);

  assert.equal(late.readyState, "ended");
  assert.deepEqual(devices.tracks, []);
});

test("who switched the microphone off is not heard though it is opened again", async () => {
  const devices = await opened();
  devices.toggle("audio");

  devices.close();
  devices.open(["audio", "video"]);
  await give(new Track("audio"), new Track("video"));

  assert.deepEqual(devices.off, ["audio"]);
  assert.deepEqual([devices.isOn("audio"), devices.isOn("video")], [false, true]);
  devices.toggle("audio");
  assert.deepEqual([devices.off, devices.isOn("audio")], [[], true]);
});

test("a camera that cannot be had leaves the one before", async () => {
  const devices = await opened();

  const flipped = devices.flip();
  await settle();
  assert.equal(asked[1].wanted.video.deviceId, "back");
  asked[1].refuse(refused("NotReadableError"));
  await settle();
  await give(new Track("video", "front again"));

  assert.equal((await flipped).label, "front again");
  assert.equal(devices.isFront, true);
  assert.equal(devices.track("video").label, "front again");
});

test("where the camera was busy another one can be chosen", async () => {
  const devices = new Devices();
  const found = devices.open(["audio", "video"]);
  asked[0].refuse(refused("NotReadableError"));
  await settle();
  await give(new Track("audio"));
  assert.equal(await found, "sound");

  const chosen = devices.choose("videoinput", "back");
  await settle();
  await give(new Track("video", "back"));

  assert.equal((await chosen).label, "back");
  assert.equal(devices.isOn("video"), true);
});

test("a device that went away is told, and another of its kind takes its place as it was", async () => {
  const lost = [];
  const devices = await opened({ lost: (kind) => lost.push(kind) });
  devices.toggle("audio");

  devices.track("audio").onended();
  assert.deepEqual([lost, devices.has("audio")], [["audio"], false]);
  const another = devices.again("audio");
  await settle();
  await give(new Track("audio", "built in"));

  assert.equal((await another).label, "built in");
  assert.equal(devices.isOn("audio"), false);
});

test("a browser that knows no devices says so", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const devices = new Devices();

  assert.equal(await devices.open(["audio", "video"]), "none");
  assert.equal(devices.why, "unsupported");
});

// The pipe with a socket that a test holds in its hand, and timers that a test lets run.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { ANSWER_WITHIN, Client, LOST_AFTER } from "../../src/hugathome/browser/protocol/client.js";
import { Link, OPEN_WITHIN } from "../../src/hugathome/browser/transport/link.js";

const WELCOME = {
  type: "welcome",
  peer: "p_me",
  participant: "p-1",
  session: { id: "hug.1" },
  state: "waiting",
  token: "t_1",
  limits: { deadAfter: 45, window: 64 },
  snapshot: { state: "waiting", session: { id: "hug.1" } },
};

class Socket {
  static OPEN = 1;
  static all = [];

  constructor(url, protocol) {
    Object.assign(this, { url, protocol, readyState: 0, sent: [], isClosed: false });
    Socket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  open() {
    this.readyState = Socket.OPEN;
    this.onopen();
  }

  hear(message) {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

const last = () => Socket.all[Socket.all.length - 1];
const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await null;
};

beforeEach(() => {
  Socket.all = [];
  globalThis.WebSocket = Socket;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 1);
});

afterEach(() => {
  mock.timers.reset();
  mock.restoreAll();
});

async function connected(options = {}) {
  const told = { grants: 0, refused: [], effects: [], changes: 0 };
  const link = new Link({
    url: "wss://www.example.ch/visit/signal",
    client: new Client(),
    freshGrant: async () => `g_${(told.grants += 1)}`,
    perform: (effect) => told.effects.push(effect),
    changed: () => (told.changes += 1),
    refused: (problem) => told.refused.push(problem),
    ...options,
  });
  link.start();
  await settle();
  return { link, told };
}

test("it opens one socket with our protocol and greets with a fresh grant", async () => {
  await connected();

  last().open();

  assert.deepEqual([last().url, last().protocol], ["wss://www.example.ch/visit/signal", "hugathome.v1"]);
  assert.equal(last().sent[0].grant, "g_1");
  assert.match(last().sent[0].nonce, /^[0-9a-f]{24}$/);
});

test("after a loss it comes back by itself and resumes, without a new grant", async () => {
  const { told } = await connected();
  last().open();
  last().hear(WELCOME);
  last().onclose({ code: 1006 });
  assert.equal(Socket.all.length, 1);

  mock.timers.tick(500);
  await settle();
  last().open();

  assert.equal(Socket.all.length, 2);
  assert.equal(last().sent[0].nonce, Socket.all[0].sent[0].nonce);
  assert.equal(last().sent[0].resume.token, "t_1");
  assert.equal(told.grants, 1);
});

test("a server that cannot be reached is tried again, with a grant of its own each time", async () => {
  const { told } = await connected();
  last().onclose({ code: 1006 });
  mock.timers.tick(4500);
  await settle();
  last().open();

  assert.equal(Socket.all.length, 2);
  assert.equal(last().sent[0].grant, "g_2");
  assert.equal(told.grants, 2);
});

test("a socket that neither opens nor fails is given up, and tried again", async () => {
  await connected();
  const [silent] = Socket.all;

  mock.timers.tick(1000 * OPEN_WITHIN);
  assert.ok(silent.isClosed);
  mock.timers.tick(500);
  await settle();
  silent.open();
  last().open();

  assert.equal(Socket.all.length, 2);
  assert.deepEqual(silent.sent, []);
  assert.equal(last().sent[0].type, "hello");
});

test("a socket that has opened keeps its time", async () => {
  await connected();
  last().open();
  last().hear(WELCOME);

  mock.timers.tick(1000 * OPEN_WITHIN);

  assert.equal(last().isClosed, false);
});

test("an attempt that has failed leaves the next one its time", async () => {
  await connected();
  last().onclose({ code: 1006 });
  mock.timers.tick(500);
  await settle();
  last().open();
  last().hear(WELCOME);

  mock.timers.tick(1000 * OPEN_WITHIN);

  assert.equal(last().isClosed, false);
});

test("a grant that never comes is waited for no longer than a socket", async () => {
  let asked = 0;
  await connected({ freshGrant: () => ((asked += 1), new Promise(() => {})) });

  mock.timers.tick(1000 * OPEN_WITHIN);
  mock.timers.tick(500);
  await settle();

  assert.equal(asked, 2);
});

test("whoever looks is called when the link has been away for too long", async () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  const client = new Client();
  const seen = [];
  await connected({ client, freshGrant: () => new Promise(() => {}), changed: () => seen.push([now, client.link]) });

  while (now <= 1000 * (OPEN_WITHIN + LOST_AFTER)) {
    now += 1000;
    mock.timers.tick(1000);
  }

  assert.deepEqual(seen[0], [1000 * OPEN_WITHIN, "reconnecting"]);
  assert.deepEqual(seen.find(([, link]) => link === "lost"), [1000 * (OPEN_WITHIN + LOST_AFTER), "lost"]);
});

test("where two sockets in a row hear nothing it asks by another way", async () => {
  const asked = [];
  mock.method(globalThis, "fetch", (url) => (asked.push(url), new Promise(() => {})));
  await connected();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    last().onclose({ code: 1006 });
    mock.timers.tick(5000);
    await settle();
  }
  while (asked.length === 0) await new Promise((done) => setImmediate(done)); // it is loaded only now

  assert.equal(Socket.all.length, 2);
  assert.match(asked[0], /^https:\/\/www\.example\.ch\/visit\/signal\/[0-9a-z]+$/);
});

test("another network may let a socket through", async () => {
  const { link } = await connected();
  last().onclose({ code: 1006 });
  mock.timers.tick(5000);
  await settle();
  last().onclose({ code: 1006 });

  link.hint();
  await settle();

  assert.equal(Socket.all.length, 3);
});

test("a socket that has heard something is tried again, however often it ends", async () => {
  await connected();
  for (let attempt = 0; attempt < 4; attempt += 1) {
    last().open();
    last().hear(WELCOME);
    last().onclose({ code: 1006 });
    mock.timers.tick(15_000);
    await settle();
  }

  assert.equal(Socket.all.length, 5);
});

test("the network coming back ends the waiting", async () => {
  const { link } = await connected();
  last().open();
  last().hear(WELCOME);
  last().onclose({ code: 1006 });

  link.hint();
  link.hint();
  await settle();

  assert.equal(Socket.all.length, 2);
});

test("the network coming back does not end a wait that the hub asks for", async () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  const { link } = await connected();
  last().open();
  last().hear(WELCOME);
  last().hear({ type: "close", code: 4010, reason: "rate limited", retry: "resume", after: 3 });
  now = 1000;

  link.hint();
  await settle();
  assert.equal(Socket.all.length, 1);
  mock.timers.tick(2000);
  await settle();

  assert.equal(Socket.all.length, 2);
});

test("where the network has changed under a socket, that one is not trusted long", async () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  const { link } = await connected();
  last().open();
  last().hear(WELCOME);

  link.hint();
  assert.equal(last().sent[1].type, "ping");
  now = 1000 * ANSWER_WITHIN;
  mock.timers.tick(now);

  assert.ok(last().isClosed);
});

test("where no grant can be had any more the link ends and says why", async () => {
  const problem = Object.assign(new Error("ended"), { isFinal: true });
  const { told } = await connected({ freshGrant: () => Promise.reject(problem) });

  mock.timers.tick(60_000);
  await settle();

  assert.deepEqual(told.refused, [problem]);
  assert.equal(Socket.all.length, 0);
});

test("where a grant cannot be had at the moment it is asked for again", async () => {
  let asked = 0;
  const freshGrant = async () => {
    asked += 1;
    if (asked === 1) throw Object.assign(new Error("offline"), { isFinal: false });
    return "g_later";
  };
  const { told } = await connected({ freshGrant });

  mock.timers.tick(4500);
  await settle();
  last().open();

  assert.equal(last().sent[0].grant, "g_later");
  assert.deepEqual(told.refused, []);
});

test("a close for good ends it, and nothing comes back", async () => {
  await connected();
  last().open();
  last().hear(WELCOME);
  last().hear({ type: "close", code: 4005, reason: "", retry: "never" });

  mock.timers.tick(600_000);
  await settle();

  assert.equal(Socket.all.length, 1);
  assert.ok(last().isClosed);
});

test("a socket that was given up says nothing any more", async () => {
  const { link, told } = await connected();
  last().open();
  last().hear(WELCOME);
  const { changes } = told;

  link.stop();
  last().hear({ type: "ring" });
  last().onclose({ code: 1006 });

  assert.equal(told.changes, changes);
  assert.deepEqual(told.effects, []);
});

test("what is not the link's own is handed on", async () => {
  const { told } = await connected();
  last().open();
  last().hear(WELCOME);

  last().hear({ type: "ring" });

  assert.deepEqual(told.effects, [{ kind: "ring" }]);
});

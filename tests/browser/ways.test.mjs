// The ways to a hub beside the WebSocket, with a server that a test holds in its hand.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Ways } from "../../src/hugathome/browser/transport/ways.js";

const SOCKET = "wss://www.example.ch/visit/signal";
const settle = () => new Promise((done) => setImmediate(done));

/** What was asked, each with `answer(told)`, `stream()` and `fail()`. */
let requests;

beforeEach(() => {
  requests = [];
  globalThis.WebSocket = class {
    constructor(url, protocol) {
      Object.assign(this, { url, protocol });
    }
  };
  mock.method(globalThis, "fetch", (url, options) => {
    return new Promise((resolve, reject) => {
      const asked = JSON.parse(options.body);
      const answer = (told) => resolve(Response.json({ taken: 0, number: 1, frames: [], ended: false, ...told }));
      const refuse = (status) => resolve(new Response("", { status }));
      options.signal?.addEventListener("abort", () => reject(new Error("aborted")));
      requests.push({ url, asked, ...options, answer, refuse, stream: () => streamed(resolve), fail: () => reject(new TypeError("lost")) });
    });
  });
});

afterEach(() => mock.restoreAll());

function streamed(resolve) {
  const bytes = new TransformStream();
  const writer = bytes.writable.getWriter();
  resolve(new Response(bytes.readable));
  const write = (text) => writer.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
  const tell = (told) => write(`data: ${JSON.stringify({ taken: 0, number: 1, frames: [], ended: false, ...told })}\n\n`);
  return { write, tell, end: () => writer.close(), fail: () => writer.abort(new Error("broken")) };
}

/** Return the socket of an attempt before which `unheard` have heard nothing, with what it says. */
function opened(unheard, { ways = new Ways(SOCKET, false) } = {}) {
  const heard = [];
  const socket = ways.open(unheard);
  socket.onopen = () => heard.push("open");
  socket.onmessage = ({ data }) => heard.push(data);
  socket.onclose = ({ code }) => heard.push(code);
  return { socket, heard };
}

async function streaming() {
  const way = opened(2);
  const stream = requests[0].stream();
  stream.write(`:${" ".repeat(2048)}\n\n`);
  stream.tell({ connection: "c_1" });
  await settle();
  return { ...way, stream };
}

async function polling() {
  const way = opened(4);
  requests[0].answer({ connection: "c_1" });
  await settle();
  return way;
}

// --- Whose turn it is --------------------------------------------------------------------------------

test("a server that was heard is waited for longer: it may be restarting", () => {
  const ways = new Ways(SOCKET, true);

  const kinds = [2, 3, 4].map((unheard) => (ways.open(unheard) instanceof WebSocket ? "socket" : "posts"));

  assert.deepEqual(kinds, ["socket", "socket", "posts"]);
});

test("a way by which nothing was heard twice gives its turn to the next", () => {
  const ways = new Ways(SOCKET, false);

  const kinds = [0, 1, 2, 3, 4, 5, 6].map((unheard) => (ways.open(unheard) instanceof WebSocket ? "socket" : "posts"));

  assert.deepEqual(kinds, ["socket", "socket", "posts", "posts", "posts", "posts", "socket"]);
  assert.deepEqual(requests.map(({ headers }) => headers.Accept.split("/")[0]), ["text", "text", "application", "application"]);
});

test("what was heard by is where every return begins", () => {
  const ways = new Ways(SOCKET, false);
  ways.open(2).heard();
  requests = [];

  ways.open(0);

  assert.equal(requests.length, 1);
});

test("a WebSocket that was heard once is always tried first", () => {
  const ways = new Ways(SOCKET, true);
  ways.open(2).heard();

  assert.ok(ways.open(0) instanceof WebSocket);
});

test("all requests of a page go to one address, which holds no secret", async () => {
  const { socket } = await streaming();
  socket.send("hello");

  const [opener, said] = requests;
  assert.match(opener.url, /^https:\/\/www\.example\.ch\/visit\/signal\/[0-9a-z]+$/);
  assert.equal(said.url, opener.url);
  assert.deepEqual(said.asked, { connection: "c_1", number: 1, frames: ["hello"] });
});

// --- A stream ----------------------------------------------------------------------------------------

test("a stream opens with its name and hears whole frames, however they are cut", async () => {
  const { heard, stream } = await streaming();
  const bytes = new TextEncoder().encode(`:\n\ndata: ${JSON.stringify({ number: 1, frames: ["\u{1f469}", "\n\n"] })}\n\n`);

  for (const byte of bytes) stream.write(Uint8Array.of(byte));
  await settle();

  assert.deepEqual(heard, ["open", "\u{1f469}", "\n\n"]);
});

test("a stream that ends or breaks is a loss", async () => {
  for (const how of ["end", "fail"]) {
    requests = [];
    const { heard, stream } = await streaming();

    stream[how]();
    await settle();

    assert.deepEqual(heard, ["open", 1006]);
  }
});

// --- Polls -------------------------------------------------------------------------------------------

test("polls ask for what comes behind the last frame", async () => {
  const { heard } = await polling();
  requests[1].answer({ number: 1, frames: ["1", "2"] });
  await settle();

  assert.deepEqual(heard, ["open", "1", "2"]);
  assert.deepEqual(requests[2].asked, { connection: "c_1", after: 2, wait: 25 });
});

test("a poll that got no answer is asked again as it was", async () => {
  await polling();
  requests[1].fail();
  await settle();

  assert.deepEqual(requests[2].asked, requests[1].asked);
});

test("a connection that the server does not know is lost, and not asked for again", async () => {
  const { heard } = await polling();
  requests[1].refuse(404);
  await settle();

  assert.deepEqual(heard, ["open", 1006]);
  assert.equal(requests.length, 2);
});

test("the end that the server tells is a loss like any other: why, a frame has said before", async () => {
  const { heard } = await polling();
  requests[1].answer({ frames: ["close"], ended: true });
  await settle();

  assert.deepEqual(heard, ["open", "close", 1006]);
});

// --- What is said ------------------------------------------------------------------------------------

test("one request says what has come together meanwhile, in order", async () => {
  const { socket } = await streaming();
  for (const text of ["1", "2", "3"]) socket.send(text);
  requests[1].answer({ taken: 1 });
  await settle();

  assert.deepEqual(requests[2].asked, { connection: "c_1", number: 2, frames: ["2", "3"] });
});

test("what the server had no room for is said again", async () => {
  const { socket } = await streaming();
  socket.send("1");
  socket.send("2");
  requests[1].answer({ taken: 1 });
  await settle();
  requests[2].answer({ taken: 1 });
  await settle();

  assert.deepEqual(requests[3].asked, { connection: "c_1", number: 2, frames: ["2"] });
});

test("no request is larger than a server reads", async () => {
  const { socket } = await streaming();
  socket.send("first");
  for (let each = 0; each < 20; each += 1) socket.send("x".repeat(30_000));
  requests[1].answer({ taken: 1 });
  await settle();

  assert.equal(requests[2].asked.frames.length, 2);
});

test("whoever leaves says so, and what was not said yet", async () => {
  const { socket, heard } = await streaming();
  socket.send("1");
  socket.send("leave");
  socket.close();
  await settle();

  const { asked, keepalive } = requests[2];
  assert.deepEqual(asked, { connection: "c_1", number: 1, frames: ["1", "leave"], ends: true });
  assert.ok(keepalive);
  assert.deepEqual(heard, ["open"]);
});

test("whoever cannot say anything any more has lost the connection", async () => {
  const { socket, heard } = await streaming();
  socket.send("1");
  requests[1].fail();
  await settle();
  requests[2].fail();
  await settle();

  assert.deepEqual(heard, ["open", 1006]);
});

// Modules that come late, from a server and a browser that a test holds in its hand.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Late, LOADED_WITHIN } from "../../src/hugathome/browser/transport/late.js";

const CLIENT = "https://www.example.ch/visit/browser/5b1e";
const MODULE = { Desk: class {} };

let asked;
let answers;

const cut = () => Promise.reject(new TypeError("Failed to fetch"));
const found = () => Promise.resolve(MODULE);
const silence = () => new Promise(() => undefined);

beforeEach(() => {
  asked = [];
  answers = [];
  mock.timers.enable({ apis: ["setTimeout"] });
});

afterEach(() => mock.timers.reset());

function late({ here = `${CLIENT}/transport/late.js`, isServed = async () => true } = {}) {
  const load = (address) => {
    asked.push(address.slice(CLIENT.length));
    return (answers.shift() || found)();
  };
  return new Late({ here, load, isServed });
}

/** Resolve as `promise` does, while the time passes that it waits for. */
async function inTime(promise) {
  let isOver = false;
  promise.then(() => (isOver = true), () => (isOver = true));
  while (!isOver) {
    for (let turn = 0; turn < 20; turn += 1) await null;
    mock.timers.tick(1000);
  }
  return promise;
}

test("a module is had where its release is, and asked for once", async () => {
  assert.equal(await late().module("visit/desk.js"), MODULE);
  assert.deepEqual(asked, ["/visit/desk.js"]);
});

test("what could not be had is asked for again, each time by an address of which no browser remembers anything", async () => {
  answers = [cut, cut];

  assert.equal(await inTime(late().module("visit/desk.js")), MODULE);

  assert.deepEqual(asked, ["/visit/desk.js", ".1/visit/desk.js", ".2/visit/desk.js"]);
});

test("by the address that worked the next modules are had as well", async () => {
  const modules = late();
  answers = [cut];
  await inTime(modules.module("visit/desk.js"));

  await modules.module("transport/ways.js");

  assert.equal(asked.pop(), ".1/transport/ways.js");
});

test("two that fail together go on by the same address, and share what they need", async () => {
  const modules = late();
  answers = [cut, cut];

  await inTime(Promise.all([modules.module("visit/desk.js"), modules.module("page/desk.js")]));

  assert.deepEqual(asked, ["/visit/desk.js", "/page/desk.js", ".1/visit/desk.js", ".1/page/desk.js"]);
});

test("an answer that never comes is waited for no longer than its time", async () => {
  answers = [silence];
  const module = late().module("visit/desk.js");

  mock.timers.tick(0);
  await null;
  mock.timers.tick(1000 * LOADED_WITHIN);

  assert.equal(await inTime(module), MODULE);
  assert.equal(asked.length, 2);
});

test("where nothing can be reached that is said, and whoever asks later has it", async () => {
  const modules = late();
  answers = [cut, cut, cut];

  await assert.rejects(inTime(modules.module("visit/desk.js")), { kind: "offline", isFinal: false });

  assert.equal(await modules.module("visit/desk.js"), MODULE);
});

test("where the release is served no more that is said, and not where nobody can tell", async () => {
  const once = { waits: [] };
  answers = [cut, cut];

  await assert.rejects(late({ isServed: async () => false }).module("visit/desk.js", once), { kind: "outdated" });
  await assert.rejects(late({ isServed: cut }).module("visit/desk.js", once), { kind: "offline" });
});

test("a module that itself came by such an address goes on from there", async () => {
  const modules = late({ here: `${CLIENT}.2/transport/late.js` });
  answers = [cut];

  await inTime(modules.module("transport/ways.js"));

  assert.deepEqual(asked, [".2/transport/ways.js", ".3/transport/ways.js"]);
});

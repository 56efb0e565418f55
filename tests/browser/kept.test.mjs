// What a browser keeps of a visit, where, and for how long.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Kept } from "../../src/hugathome/browser/entrance/kept.js";

/** A storage as browsers have it: its keys are properties of it. */
function storage() {
  const methods = {
    getItem: { value: (key) => storage[key] ?? null },
    setItem: { value: (key, text) => (storage[key] = text) },
    removeItem: { value: (key) => delete storage[key] },
  };
  const storage = Object.create(null, methods);
  return storage;
}

beforeEach(() => {
  globalThis.localStorage = storage();
  globalThis.sessionStorage = storage();
});

test("a page that is loaded again finds what it kept", () => {
  new Kept("link/a").keep({ pass: "p" });
  new Kept("link/a").keep({ isInside: true });

  const { pass, isInside } = new Kept("link/a").value;
  assert.deepEqual([pass, isInside], ["p", true]);
});

test("what was kept of a visit that nobody ended goes after some days, whichever page is opened", (context) => {
  context.mock.timers.enable({ apis: ["Date"], now: 0 });
  new Kept("link/a").keep({ pass: "p" });
  localStorage.setItem("of-the-host", "x");

  context.mock.timers.setTime(2 * 24 * 3600 * 1000);
  assert.equal(new Kept("link/a").value.pass, "p");
  context.mock.timers.setTime(4 * 24 * 3600 * 1000);
  new Kept("link/b");

  assert.deepEqual(Object.keys(localStorage), ["of-the-host"]);
});

test("that a visit is over is known in this window only, and nothing else of it", () => {
  const kept = new Kept("room/a");
  kept.keep({ pass: "p" });

  kept.keepHere({ over: { language: "de" } });

  assert.deepEqual(Object.keys(localStorage), []);
  assert.deepEqual(new Kept("room/a").value, { over: { language: "de" } });
});

test("what is forgotten is kept nowhere", () => {
  const kept = new Kept("room/a");
  kept.keepHere({ over: {} });

  kept.forget();

  assert.deepEqual([Object.keys(localStorage), Object.keys(sessionStorage)], [[], []]);
});

test("where storage is refused it is kept for as long as the page lives", () => {
  const refuse = () => {
    throw new Error("SecurityError");
  };
  globalThis.localStorage = globalThis.sessionStorage = new Proxy({}, { get: refuse, ownKeys: refuse });
  const kept = new Kept("link/a");

  kept.keep({ pass: "p" });

  assert.equal(kept.value.pass, "p");
});

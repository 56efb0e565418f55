// The door on a clock that a test moves, and with text messages that a test sends.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Door } from "../../src/hugathome/browser/entrance/door.js";

let waiting;

beforeEach(() => {
  waiting = [];
  globalThis.window = { OTPCredential: class {} };
  const get = ({ signal }) => new Promise((give, refuse) => waiting.push({ signal, give, refuse }));
  Object.defineProperty(globalThis, "navigator", { value: { credentials: { get } }, configurable: true });
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
});

afterEach(() => mock.timers.reset());

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a second text message is read as the first was, and none once the person is in", async () => {
  const door = new Door("a");
  const found = [];
  const read = () => door.readSms((code) => found.push(code));
  read();
  read();
  assert.equal(waiting.length, 1, "one at a time");
  waiting[0].give({ code: "111111" });
  await settle();

  read();
  waiting[1].give({ code: "222222" });
  await settle();
  read();
  door.leave();

  assert.deepEqual(found, ["111111", "222222"]);
  assert.equal(waiting[2].signal.aborted, true);
});

test("a phone whose clock is ahead looks again once a minute, and not all the time", () => {
  const door = new Door("a");
  let looked = 0;

  door.lookAgain("1969-12-31T23:59:00Z", () => (looked += 1));
  mock.timers.tick(59_000);
  assert.equal(looked, 0);
  mock.timers.tick(1000);

  assert.equal(looked, 1);
});

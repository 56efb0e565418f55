// Messages of the host's own, from whoever has not joined: the page, the devices and the browser are stood in for.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { Guide } from "../../src/hugathome/browser/guide.js";

const nothing = () => undefined;
const page = { listen: nothing, people: {} };

beforeEach(() => {
  globalThis.window = globalThis.document = { addEventListener: nothing, removeEventListener: nothing };
});

test("what is published before somebody has joined is refused to the host, and not forgotten", () => {
  const told = [];
  const guide = new Guide(page, { grant: "g" }, { announce: (name, detail) => told.push([name, detail]) });

  guide.publish("hand", { raised: true });

  assert.deepEqual(told, [["refused", { topic: "hand", code: "not-admitted" }]]);
});

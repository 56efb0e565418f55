// What a guide says to whoever made it, before anybody has joined: the page, the devices and the browser are stood in for.
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

test("a page whose release is served no more is left to whoever can load it again, and else says that it cannot go on", () => {
  const [told, shown] = [[], []];
  const announce = (...news) => told.push(news);
  const stopped = { ...page, state: "devices", entrance: { mirror: nothing }, error: (kind) => shown.push(kind), aid: nothing };
  let loads = 0;

  new Guide(stopped, { grant: "g" }, { announce, outdated: () => (loads += 1) })._refused({ kind: "outdated" });
  assert.deepEqual([loads, told, shown], [1, [], []]);
  new Guide(stopped, { grant: "g" }, { announce })._refused({ kind: "outdated" });

  assert.deepEqual([loads, told, shown], [1, [["problem", { kind: "outdated" }]], ["outdated"]]);
});

test("what a visit needs is loaded while people look around, before anybody joins", async () => {
  const shown = { ...page, entrance: { mirror: nothing } };
  const loaded = new Promise((furnish) => Object.assign(shown, { furnish }));
  const guide = new Guide(shown, { grant: "g" });
  guide._arrival.come = async () => false;

  await guide.begin();

  assert.equal((await loaded).name, "inside");
});

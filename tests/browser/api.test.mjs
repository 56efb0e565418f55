// What a page makes of the answers of its host, and of whatever stands between them.
import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";

import { ask } from "../../src/hugathome/browser/transport/api.js";

afterEach(() => mock.timers.reset());

const answers = (status, text) => {
  globalThis.fetch = async () => new Response(text, { status });
};

test("an answer is what the host says", async () => {
  answers(200, '{"pass": "p"}');

  assert.deepEqual(await ask("grant", {}), { pass: "p" });
});

test("a refusal says its kind, and whether asking again may help", async () => {
  answers(403, '{"type": "urn:hugathome:problem:grant-refused"}');
  await assert.rejects(ask("grant", {}), { kind: "grant-refused", status: 403, isFinal: true });

  for (const status of [429, 503, 504]) {
    answers(status, "<html>Gateway</html>");
    await assert.rejects(ask("grant", {}), { kind: "", status, isFinal: false });
  }
});

test("a page in the place of an answer comes from another than our host", async () => {
  answers(200, "<html>Accept the terms of this network</html>");

  await assert.rejects(ask("grant", {}), { kind: "offline", isFinal: false });
});

test("whoever is never answered is told so", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  globalThis.fetch = (_url, { signal }) =>
    new Promise((_, fail) => signal.addEventListener("abort", () => fail(signal.reason)));

  const asked = ask("grant", {});
  mock.timers.tick(20_000);

  await assert.rejects(asked, { kind: "offline", isFinal: false });
});

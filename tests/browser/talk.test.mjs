// What is written beside the picture: only what the hub can take as text.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Talk } from "../../src/hugathome/browser/page/talk.js";

const typed = (value) => new Talk({ one: () => ({ value }) }).written;

test("a text is sent without the space around it, and half a character is left out", () => {
  assert.equal(typed("  I cannot hear you \n"), "I cannot hear you");
  assert.equal(typed("\u0085\ufeff"), "");
  assert.equal(typed("thank you 🙏"), "thank you 🙏");
  assert.equal(typed("thank you \ud83d"), "thank you");
  assert.equal(typed(" \ude4f "), "");
});

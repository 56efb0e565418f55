// Five languages that say the same things, and a page that asks for no word that is missing.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { languages, wordsOf } from "../../src/hugathome/browser/words.js";

const source = (name) => readFileSync(new URL(`../../src/hugathome/browser/${name}`, import.meta.url), "utf-8");

function keys(words, prefix = "") {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string" ? [prefix + key] : keys(value, `${prefix}${key}.`),
  );
}

test("there are the five languages, and English for everybody else", () => {
  assert.deepEqual([...languages].sort(), ["de", "en", "fr", "it", "rm"]);
  assert.equal(wordsOf("pt"), wordsOf("en"));
});

for (const language of languages) {
  test(`${language} says everything that English says, and nothing empty`, () => {
    const words = wordsOf(language);

    assert.deepEqual(keys(words).sort(), keys(wordsOf("en")).sort());
    for (const key of keys(words)) assert.ok(key.split(".").reduce((at, name) => at[name], words).trim(), key);
    assert.match(words.early, /\{opens\}/);
  });
}

test("every word that the page asks for is there", () => {
  const asked = [...(source("page.html") + source("markup.js")).matchAll(/data-word="(\w+)"/g)].map(([, word]) => word);
  const used = [...source("page.js").matchAll(/this\.words\.(\w+)/g)].map(([, word]) => word);

  assert.ok(asked.length > 20);
  for (const word of [...asked, ...used]) assert.ok(wordsOf("en")[word], word);
});

test("every word that is there is asked for", () => {
  const everything = source("page.html") + source("markup.js") + source("page.js");

  for (const word of Object.keys(wordsOf("en"))) assert.match(everything, new RegExp(`\\b${word}\\b`));
});

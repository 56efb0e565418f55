// Five languages that say the same things, and pages that ask for no word that is missing.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { deskWordsOf, languageOf, languages, wordsOf } from "../../src/hugathome/browser/words/languages.js";

const browser = new URL("../../src/hugathome/browser/", import.meta.url);
const source = (name) => readFileSync(new URL(name, browser), "utf-8");
const pages = readdirSync(browser, { recursive: true }).filter((name) => /^(?!words).*\.(js|html)$/.test(name));
const everything = pages.map(source).join("\n");

function keys(words, prefix = "") {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === "string" ? [prefix + key] : keys(value, `${prefix}${key}.`),
  );
}

const english = await wordsOf("en");
const englishDesk = await deskWordsOf("en");
const said = (words, key) => key.split(".").reduce((at, name) => at[name], words);
const gaps = (text) => [...text.matchAll(/\{\w+\}/g)].map(([gap]) => gap).sort();

test("there are the five languages, and English for everybody else", async () => {
  assert.deepEqual([...languages].sort(), ["de", "en", "fr", "it", "rm"]);
  assert.equal(await wordsOf("pt"), english);
  assert.equal(languageOf("pt"), "en");
  assert.equal(languageOf("rm"), "rm");
});

for (const language of languages) {
  test(`${language} says everything that English says, with the same gaps, and nothing empty`, async () => {
    for (const [words, model] of [[await wordsOf(language), english], [await deskWordsOf(language), englishDesk]]) {
      assert.deepEqual(keys(words).sort(), keys(model).sort());
      for (const key of keys(words)) {
        assert.ok(said(words, key).trim(), key);
        assert.deepEqual(gaps(said(words, key)), gaps(said(model, key)), key);
      }
    }
  });
}

for (const language of languages) {
  test(`${language} has easy words too, in short sentences, and the usual ones for the rest`, async () => {
    const [usual, easy] = [await wordsOf(language), await wordsOf(language, true)];
    const eased = keys(easy).filter((key) => said(easy, key) !== said(usual, key));

    assert.ok(eased.length > 30);
    assert.deepEqual(keys(easy), keys(usual));
    for (const key of eased) {
      const sentences = said(easy, key).split(/[.?!:](?:\s|$)/);
      assert.ok(sentences.every((sentence) => sentence.split(/\s+/).length <= 12), key);
      assert.deepEqual(gaps(said(easy, key)), gaps(said(usual, key)), key);
    }
  });
}

test("every word that the pages ask for is there", () => {
  const asked = [...everything.matchAll(/data-word="(\w+)"/g), ...everything.matchAll(/\bwords\.(\w+)/g)];
  const missing = asked.map(([, word]) => word).filter((word) => word !== "js" && !english[word] && !englishDesk[word]);

  assert.ok(asked.length > 80);
  assert.deepEqual(missing, []);
});

test("every word that is there is asked for", () => {
  for (const word of Object.keys({ ...english, ...englishDesk })) assert.match(everything, new RegExp(`\\b${word}\\b`), word);
});

test("what only those are told who let people in is asked for by what only they load", () => {
  const asked = (paths) => paths.flatMap((path) => [...source(path).matchAll(/data-word="(\w+)"|\bwords\.(\w+)/g)]);
  const theirs = ["page/desk.js", "page/ending.js", "page/markup-desk.js", "page/people.js"];
  const others = asked(pages.filter((path) => !theirs.includes(path))).map(([, shown, used]) => shown || used);

  assert.deepEqual(others.filter((word) => englishDesk[word]), []);
  for (const word of Object.keys(englishDesk)) assert.ok(!english[word], word);
});

test("the clinician is told every step that there is", () => {
  const roles = readFileSync(new URL("../roles.py", browser), "utf-8");
  const steps = roles.slice(roles.indexOf("class Step"), roles.indexOf("RoleName =")).matchAll(/= "([a-z-]+)"/g);

  assert.deepEqual(Object.keys(englishDesk.steps).sort(), [...steps].map(([, step]) => step).sort());
});

// The folders of the client: each says what is in it, and knows only those that it may.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const BROWSER = fileURLToPath(new URL("../../src/hugathome/browser/", import.meta.url));
/** Which others a folder may import from; "." joins them to a page. */
const KNOWS = {
  ".": ["entrance", "media", "page", "transport", "visit"],
  entrance: ["media", "transport"],
  visit: ["media", "protocol", "transport"],
  page: ["words"],
  media: [],
  protocol: [],
  transport: [],
  words: [],
};
const WORLDLY = /\b(?:new Date|Date\.now|Math\.random|crypto|document|fetch|navigator|performance|set(?:Timeout|Interval)|WebSocket)\b|[^.]\bwindow\./;

const sources = new Map(
  readdirSync(BROWSER, { recursive: true })
    .filter((path) => path.endsWith(".js"))
    .map((path) => [path, readFileSync(join(BROWSER, path), "utf-8")]),
);

/** Return what a module imports before it runs; with `later` also what it imports as it runs. */
function imported(path, source, { later = false } = {}) {
  const how = later ? /(?:from |import\(|= )["`](\.[^"`]+)["`]/g : /from "(\.[^"]+)"/g;
  return [...source.matchAll(how)].map(([, found]) => join(dirname(path), found));
}

function trespasses(path, source) {
  const [own, known] = [dirname(path), KNOWS[dirname(path)]];
  const others = imported(path, source, { later: true }).map((found) => dirname(found)).filter((other) => other !== own);
  return others.filter((other) => !known.includes(other));
}

test("every folder is known, and holds something", () => {
  assert.deepEqual([...new Set([...sources.keys()].map(dirname))].sort(), Object.keys(KNOWS).sort());
});

test("a folder knows only those that it may", () => {
  for (const [path, source] of sources) assert.deepEqual(trespasses(path, source), [], path);
});

test("whoever trespasses is found, also where it does so late", () => {
  const early = 'import { ask } from "../transport/api.js";\n';
  const late = 'const loaded = await import("../visit/visit.js");\n';

  assert.deepEqual(trespasses("page/page.js", early + late), ["transport", "visit"]);
  assert.deepEqual(trespasses("protocol/client.js", 'import { Link } from "../guide.js";\n'), ["."]);
});

test("what is allowed runs one way, and no module needs itself", () => {
  const needs = (graph, name, seen = []) => {
    assert.ok(!seen.includes(name), [...seen, name].join(" → "));
    for (const other of graph[name] || []) needs(graph, other, [...seen, name]);
  };
  const modules = Object.fromEntries([...sources].map(([path, source]) => [path, imported(path, source)]));

  for (const graph of [KNOWS, modules]) for (const name of Object.keys(graph)) needs(graph, name);
});

test("the protocol reads no clock, draws nothing and reaches nobody", () => {
  for (const [path, source] of sources) {
    if (dirname(path) === "protocol") assert.doesNotMatch(source.replace(/^\s*(?:\/?\*|\/\/).*$/gm, ""), WORLDLY, path);
  }
});

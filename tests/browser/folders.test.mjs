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
  words: ["transport"],
};
const WORLDLY = /\b(?:new Date|Date\.now|Math\.random|crypto|document|fetch|navigator|performance|set(?:Timeout|Interval)|WebSocket)\b|[^.]\bwindow\./;

const sources = new Map(
  readdirSync(BROWSER, { recursive: true })
    .filter((path) => path.endsWith(".js"))
    .map((path) => [path, readFileSync(join(BROWSER, path), "utf-8")]),
);

/** Return what a module imports before it runs. */
function imported(path, source) {
  return [...source.matchAll(/from "(\.[^"]+)"/g)].map(([, found]) => join(dirname(path), found));
}

/** Return what a module asks for as it runs; such a path begins at the first folder. */
function late(source) {
  return [...source.matchAll(/\blate\(["`]([^"`]+)["`]/g)].map(([, found]) => found);
}

function trespasses(path, source) {
  const [own, known] = [dirname(path), KNOWS[dirname(path)]];
  const others = [...imported(path, source), ...late(source)].map((found) => dirname(found));
  return others.filter((other) => other !== own && !known.includes(other));
}

test("every folder is known, and holds something", () => {
  assert.deepEqual([...new Set([...sources.keys()].map(dirname))].sort(), Object.keys(KNOWS).sort());
});

test("a folder knows only those that it may", () => {
  for (const [path, source] of sources) assert.deepEqual(trespasses(path, source), [], path);
});

test("whoever trespasses is found, also where it does so late", () => {
  const early = 'import { ask } from "../transport/api.js";\n';
  const later = 'const loaded = await late("visit/visit.js");\n';

  assert.deepEqual(trespasses("page/page.js", early + later), ["transport", "visit"]);
  assert.deepEqual(trespasses("protocol/client.js", 'import { Link } from "../guide.js";\n'), ["."]);
});

test("what comes late is there, and is asked for in the one way that asks again", () => {
  for (const [path, source] of sources) {
    for (const found of late(source)) assert.ok(found.includes("${") || sources.has(found), `${path}: ${found}`);
    if (path !== "transport/late.js") assert.doesNotMatch(source, /\bimport\(/, path);
  }
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

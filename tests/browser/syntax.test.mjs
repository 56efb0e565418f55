// What is served is read by browsers of 2020 (Chrome 80, Safari 14, Firefox 78): ES2020, and no construct later.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../src/hugathome/", import.meta.url));
const SERVED = readdirSync(SOURCES, { recursive: true }).filter((path) => path.endsWith(".js"));

const parse = (path) => execFileSync("acorn", ["--ecma2020", "--module", "--silent", path], { stdio: "pipe" });

test("there is something to read", () => {
  assert.ok(SERVED.includes("browser/main.js"));
});

for (const path of SERVED) {
  test(`${path} is an ES2020 module`, () => {
    parse(`${SOURCES}${path}`);
  });
}

// What a clinician asks for about the others: the API, and the list of people, are stood in for.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Desk } from "../../src/hugathome/browser/visit/desk.js";

const control = { closest: () => ({ dataset: { person: "p-1" } }) };

test("whoever is called again rings for a whole minute more", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(globalThis, "fetch", async () => new Response('{"how": "ring"}', { headers: { "Content-Type": "application/json" } }));
  const told = [];
  const people = { called: (participant, how) => told.push(how) };
  const desk = new Desk({ people, me: () => "dr", say: () => undefined, pass: () => "pass", attempt: (work) => work() });

  await desk.controls.call(control);
  mock.timers.tick(50_000);
  await desk.controls.call(control);
  mock.timers.tick(50_000);
  assert.deepEqual(told, ["ring", "ring"]);
  mock.timers.tick(10_000);

  assert.deepEqual(told, ["ring", "ring", null]);
  mock.timers.reset();
  mock.restoreAll();
});

test("whoever is about to telephone is told the word to say", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const answers = ['{"how": "sms", "word": "oignon"}', '{"how": "sms"}'];
  mock.method(globalThis, "fetch", async () => new Response(answers.shift(), { headers: { "Content-Type": "application/json" } }));
  const said = [];
  const people = { called: () => undefined, sayFirst: (word) => said.push(word) };
  const desk = new Desk({ people, me: () => "dr", say: () => undefined, pass: () => "pass", attempt: (work) => work() });

  await desk.controls.call(control);
  await desk.controls.call(control);

  assert.deepEqual(said, ["oignon"]);
  mock.timers.reset();
  mock.restoreAll();
});

test("the host's seat is offered, and kept, taken or declined, each with what the hub knows for it", () => {
  const said = [];
  const desk = new Desk({ people: {}, me: () => "dr", say: (command) => said.push(command), pass: () => "pass", attempt: (work) => work() });

  for (const action of ["offer-seat", "keep-seat", "take-seat", "decline-seat"]) desk.controls[action](control);

  assert.deepEqual(said, [
    { type: "transfer", participant: "p-1", capability: "host" },
    { type: "transfer", participant: "dr", capability: "host" },
    { type: "transfer-accept", participant: "p-1", capability: "host" },
    { type: "transfer", participant: "p-1", capability: "host" },
  ]);
});

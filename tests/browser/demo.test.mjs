// What the demonstration's page says of events, and how it reads a message.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventsOf, messagesOf } from "../../src/hugathome/demo/pages/board.js";
import { parted, spelled } from "../../src/hugathome/demo/pages/phone.js";
import { raw, standing, told, whereabouts } from "../../src/hugathome/demo/pages/told.js";

const names = { "p-1": "Mme Dupont" };

test("an event is told in a sentence, and as software reads it", () => {
  const event = { position: 3, action: "deliver", participant: "p-1", step: "sms-sent", delivery: "sent" };

  assert.equal(told(event, names), "SMS to Mme Dupont: sent");
  assert.equal(raw(event), "deliver p-1 sms-sent");
});

test("an event that nobody has put into words keeps its name", () => {
  assert.equal(told({ action: "teleport", participant: "p-1" }, names), "teleport p-1");
  assert.equal(told({ action: "step", step: "glass-raised" }, names), "step glass-raised");
});

test("an outcome is told in words", () => {
  const event = { action: "complete", outcome: "in-person-visit-needed" };

  assert.equal(told(event, names), "The visit ends: in person visit needed");
  assert.equal(standing({ status: "completed", outcome: event.outcome }), "Completed: in person visit needed");
  assert.equal(standing({ status: "in-progress" }), "In progress");
});

test("a practitioner who has arrived is inside, anybody else waits", () => {
  assert.equal(whereabouts({ role: "practitioner", presence: "arrived" }), "in the visit");
  assert.equal(whereabouts({ role: "nurse", presence: "arrived" }), "in the waiting room");
});

test("a text is parted around its link, and left whole without one", () => {
  const link = "http://127.0.0.1:8000/visit/j/abc";

  assert.deepEqual(parted(`123456 is your code\n${link}\n@127.0.0.1 #123456`, link), [
    "123456 is your code\n",
    link,
    "\n@127.0.0.1 #123456",
  ]);
  assert.deepEqual(parted("We call you", null), ["We call you", "", ""]);
});

test("a number is spelled in groups", () => {
  assert.equal(spelled("+41791230007"), "+41 79 123 00 07");
});

test("each visit has messages and events of its own", () => {
  const board = {
    messages: [{ to: "+1", text: "a" }, { to: "+2", text: "b" }],
    events: [{ visit: "v1" }, { visit: "v2" }],
  };
  const visit = { id: "v2", phone: "+2" };

  assert.deepEqual(messagesOf(board, visit), [board.messages[1]]);
  assert.deepEqual(eventsOf(board, visit), [board.events[1]]);
  assert.deepEqual(messagesOf(board, undefined), []);
});

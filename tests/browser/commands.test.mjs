// Messages of the host's own, before they are sent.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Attendance } from "../../src/hugathome/browser/visit/attendance.js";
import { appOf } from "../../src/hugathome/browser/protocol/commands.js";

function nested(levels) {
  return levels === 0 ? 1 : [nested(levels - 1)];
}

test("what a hub can read is said as it is at that moment", () => {
  const data = { raised: true, path: "\\ud800", deep: nested(31) };
  const command = appOf("hand", data);

  data.raised = false;

  assert.deepEqual(command, { type: "app", topic: "hand", data: { ...data, raised: true } });
  assert.deepEqual(appOf("hand"), { type: "app", topic: "hand", data: null });
});

test("what would end the connection, or never leave it, is refused here", () => {
  const round = {};
  round.again = round;

  for (const data of [1n, round, () => 1, nested(33), "x".repeat(4096), "\ud83d"]) assert.equal(appOf("hand", data), null);
  for (const topic of ["", "my topic", "x".repeat(65), 5, undefined]) assert.equal(appOf(topic, 1), null);
});

test("the page is told of a message that was refused here, and the hub is not", () => {
  const said = [];
  const told = [];
  const visit = { say: (command) => said.push(command) };
  const attendance = { _visit: visit, _announce: (...news) => told.push(news) };

  Attendance.prototype.publish.call(attendance, "hand", 1n);
  Attendance.prototype.publish.call(attendance, "hand", 1);

  assert.deepEqual(told, [["refused", { topic: "hand", code: "malformed" }]]);
  assert.deepEqual(said, [{ type: "app", topic: "hand", data: 1 }]);
});

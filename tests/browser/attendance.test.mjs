// When the page is shown while a connection is being made.
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { AT_LATEST, Pace } from "../../src/hugathome/browser/visit/attendance.js";

const CALM = { isMeeting: false, isDescribed: false };
const MEETING = { isMeeting: true, isDescribed: false };
const DESCRIBED = { isMeeting: true, isDescribed: true };

let shows;
let pace;

beforeEach(() => {
  shows = 0;
  mock.timers.enable({ apis: ["setTimeout"] });
  pace = new Pace(() => (shows += 1));
});

afterEach(() => mock.reset());

function pass(milliseconds) {
  mock.timers.tick(milliseconds);
}

test("what changes is shown at once", () => {
  pace.changed(CALM);
  pace.changed(CALM);

  assert.equal(shows, 2);
});

test("while a connection is described it is shown once this side has said all, and only then", () => {
  pace.changed(MEETING);
  pace.changed(MEETING);
  assert.equal(shows, 0);

  pace.changed(DESCRIBED);
  assert.equal(shows, 0, "what is to be said goes out before");
  pass(1);

  assert.equal(shows, 1);
});

test("all that changes while the others' answer is awaited is shown together", () => {
  pace.changed(DESCRIBED);
  pass(1);
  for (let change = 0; change < 5; change += 1) pace.changed(DESCRIBED);
  assert.equal(shows, 1);

  pass(AT_LATEST);

  assert.equal(shows, 2);
});

test("a connection that is never described keeps nothing from being shown", () => {
  pace.changed(MEETING);

  pass(AT_LATEST);

  assert.equal(shows, 1);
});

test("once they are connected what changes is shown at once again", () => {
  pace.changed(DESCRIBED);
  pass(1);

  pace.changed(CALM);

  assert.equal(shows, 2);
});

test("after the end nothing is shown", () => {
  pace.changed(MEETING);

  pace.stop();
  pass(AT_LATEST);

  assert.equal(shows, 0);
});

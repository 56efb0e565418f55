// The corpus of frames (tests/corpus), replayed on the client of the pages.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

import { Client } from "../../src/hugathome/browser/protocol/client.js";

const CORPUS = new URL("../corpus/", import.meta.url);
const SDP = readFileSync(new URL("description.sdp", CORPUS), "utf-8").replace(/\n/g, "\r\n");
const FILES = readdirSync(CORPUS).filter((name) => name.endsWith(".json") && name !== "beginnings.json");
const BEGINNINGS = read("beginnings.json");

for (const file of FILES) {
  for (const scenario of read(file)) {
    if (scenario.only !== "python") test(`${file}: ${scenario.name}`, () => replay(stepsOf(scenario), scenario.agent));
  }
}

function read(name) {
  const text = readFileSync(new URL(name, CORPUS), "utf-8");
  return JSON.parse(text.replace(/"sdp:(\w+)"/g, (_, ufrag) => JSON.stringify(SDP.replace("UFRAG", ufrag))));
}

function stepsOf({ from, steps }) {
  return [...(from ? stepsOf(BEGINNINGS[from]) : []), ...steps];
}

function replay(steps, agent = "corpus") {
  const client = new Client({ agent });
  let now = 0;
  for (const { at = now, asks = [], sees = {}, ...input } of steps) {
    now = at;
    const step = JSON.stringify(input).slice(0, 120);
    assert.deepEqual(give(client, input, now).map(neutral), asks, step);
    const seen = view(client);
    for (const name of Object.keys(sees)) assert.deepEqual(seen[name], sees[name], `${name} after ${step}`);
  }
}

function give(client, input, now) {
  const [[what, given]] = Object.entries(input);
  switch (what) {
    case "opened":
      return client.opened({ ...given, now });
    case "received":
      return client.received(JSON.stringify(given), { now });
    case "unreadable":
      return client.received(given, { now });
    case "said":
      return client.said(given);
    case "lost":
      return client.lost({ ...given, now });
    case "hinted":
      return client.hinted({ now });
    case "passed":
      return client.passed({ now });
    default: {
      const { pc, gen, ...details } = given;
      return client.heard(pc, gen, what, ...Object.values(details), { now });
    }
  }
}

/** Write an effect as the corpus does. */
function neutral(effect) {
  switch (effect.kind) {
    case "send":
      return { kind: "send", message: JSON.parse(effect.text) };
    case "connect": {
      const { pc, gen, participant } = effect.pair;
      return { kind: "connect", pc, gen, participant };
    }
    case "refused": {
      const { v, seq, again, ...of } = effect.of || {};
      return { kind: "refused", code: effect.code, of: effect.of && of };
    }
    case "texted":
      return { kind: "texted", text: written(effect.text) };
    default:
      return effect;
  }
}

/** Return what a page can read off the client, as the corpus writes it. */
function view(client) {
  const { phase, link, peer, participant, can, state, relayOnly, resumes, due } = client;
  const { id, status, modality, outcome, hostPresent = false } = client.session || {};
  const told = (name) => {
    const known = [...client.roster.values()].filter((each) => each[name]);
    return Object.fromEntries(known.map((each) => [each.participant, each[name]]));
  };
  return {
    ...{ phase, link, peer, participant, can, state, relayOnly, resumes, due },
    session: { id, status, modality, ...(outcome && { outcome }), hostPresent },
    roster: told("state"),
    hosts: told("host"),
    steps: told("step"),
    sends: told("sends"),
    texts: client.texts.map(written),
    textLimit: client.limits.text,
    lines: Object.fromEntries([...client.lines].map(([pc, line]) => [pc, line.pair.gen])),
    iceServers: client.iceServers.flatMap(({ urls }) => urls),
    end: client.end && client.end.code,
  };
}

function written({ participant, text }) {
  return `${participant}: ${text}`;
}

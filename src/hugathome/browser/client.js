/**
 * A device in a session: what it says to the hub, what it makes of the answers, when it comes back.
 *
 *     phase      input                        next       what is asked of the shell
 *     away       opened                       greeting   send hello: resume with the token, else the grant
 *     greeting   welcome                      live       send again what was not acknowledged, then what waits
 *     greeting   silence for 10 s             away       drop the transport, come back
 *     live       ping                         live       send pong
 *     live       silence for `deadAfter`      away       drop, come back
 *     live       goaway                       away       drop, come back
 *     any        close, retry resume          away       drop, come back
 *     any        close, retry rejoin          away       drop, come back; the next hello takes a grant
 *     any        close, retry never           closed     drop, end every connection
 *     any        lost                         away       come back
 *
 * Commands are numbered when they are first sent; a resume sends the same numbers again. A rejoin begins a
 * new peer: numbers start anew, and what was to be said about the old one's connections is dropped.
 * Connections between endpoints live on meanwhile: only `pair`, `renew`, `unpair`, a snapshot and the end
 * touch them. How descriptions are exchanged is in `line.js`.
 *
 * No I/O, clock or randomness: every input returns a list of effects, and `now` (in seconds) is an argument.
 *
 *     { kind: "send", text }
 *     { kind: "drop" }                         close the transport
 *     { kind: "return", after, spread }        open a new one after that and a random part of `spread`; then `opened`
 *     { kind: "connect", pair }                make an endpoint; an older one of the same `pc` ends
 *     { kind: "disconnect", pc }               end the endpoint
 *     { kind: "refused", code, of }            the hub refused the command `of`
 *     { kind: "ring" }                         the clinician calls
 *     and, with `pc` and `gen`, those of `line.js`: describe, apply, candidates, restart-ice
 */
import { Line } from "./line.js";

/** Seconds that a hub has to answer a hello. */
export const GREET_WITHIN = 10;
/** The least and the greatest spread of a return, in seconds: full jitter. */
export const SPREAD = [0.5, 15];
/** A connection that has lived so many seconds starts the back-off anew. */
export const LASTING = 15;

const CAPS = { rollback: true, iceRestart: true, trickle: "full" };
const LIMITS = { window: 64, deadAfter: 45 };
const RESUMABLE = new Set([1001, 4002, 4008, 4010, 4012]);
const REJOINABLE = new Set([4003, 4013, 4014]);

export class Client {
  constructor({ agent = "" } = {}) {
    this.phase = "away";
    /** Why nothing more will come: `{ code, reason }`. */
    this.end = null;

    /** The room, as this device may see it. */
    this.peer = null;
    this.participant = null;
    this.can = [];
    this.state = null;
    this.session = null;
    this.roster = new Map();
    this.lines = new Map();
    this.iceServers = [];
    this.relayOnly = false;

    this._agent = agent;
    this._limits = LIMITS;
    this._token = null;
    this._pos = null;
    this._heardAt = null;
    this._liveSince = null;
    this._failures = 0;
    this._seq = 0;
    this._unacked = [];
    this._waiting = [];
  }

  // --- From the shell ------------------------------------------------------------------------------

  /** Whether the next hello needs no grant. */
  get resumes() {
    return this._token !== null;
  }

  /** A new transport stands: greet. `nonce` is drawn anew for each grant. */
  opened({ grant = null, nonce, now }) {
    const hello = { v: 1, type: "hello", versions: [1], caps: CAPS, nonce, agent: this._agent.slice(0, 300) };
    if (this.resumes) {
      hello.resume = { session: this.session.id, peer: this.peer, pos: this._pos, token: this._token };
    } else {
      hello.grant = grant;
    }
    this.phase = "greeting";
    this._heardAt = now;
    return [send(hello)];
  }

  /** Say something: at once, or once the hub is there and the window has room. */
  said(command) {
    if (this.phase === "closed") return [];
    this._waiting.push({ v: 1, ...command });
    return this._flushed();
  }

  /** The transport has ended, perhaps with a close code of ours. */
  lost({ now, code = null }) {
    if (this.phase !== "greeting" && this.phase !== "live") return [];
    if (code !== null && code >= 4000) return this._closed({ code, reason: "", retry: retryOf(code) }, now);
    return this._away(now);
  }

  /** Time has passed; due at `due`. */
  passed({ now }) {
    const silenceEnds = this._silenceEnds();
    if (silenceEnds !== null && now >= silenceEnds) return [{ kind: "drop" }, ...this._away(now)];
    if (this.phase !== "live") return [];
    return this._awaited().flatMap((line) => this._on(line, line.overdue({ now })));
  }

  /** When `passed` wants to be called next, if nothing else happens; null: never. */
  get due() {
    const times = this.phase === "live" ? this._awaited().map((line) => line.due) : [];
    const silenceEnds = this._silenceEnds();
    if (silenceEnds !== null) times.push(silenceEnds);
    return times.length > 0 ? Math.min(...times) : null;
  }

  // --- From an endpoint ----------------------------------------------------------------------------

  /** Take an endpoint's word: `wantsOffer`, `offered`, `answered`, `failed` or `fared`, as its line has them. */
  heard(pc, gen, what, ...details) {
    const line = this._line(pc, gen);
    return line ? this._on(line, line[what](...details)) : [];
  }

  // --- From the hub --------------------------------------------------------------------------------

  /** Take a text from the hub. */
  received(text, { now }) {
    const message = JSON.parse(text);
    this._heardAt = now;
    if (message.type === "welcome") return this._welcomed(message, now);
    this._pos = later(this._pos, message.pos);
    const effects = this._taken(message, now);
    this._acknowledged(message.ack);
    return [...effects, ...this._flushed()];
  }

  _taken(message, now) {
    switch (message.type) {
      case "ping":
        return [send({ v: 1, type: "pong", t: message.t })];
      case "close":
        return this._closed(message, now);
      case "goaway":
        return [{ kind: "drop" }, ...this._away(now)];
      case "error":
        return this._refused(message);
      case "snapshot":
        return this._seen(message, now);
      case "session":
        this.session = { ...this.session, ...message };
        return [];
      case "participant":
        this.roster.set(message.participant, message);
        return [];
      case "pair":
      case "renew":
        return this._paired(message, now);
      case "unpair":
        return this._unpaired(message.pc);
      case "offer":
      case "answer":
      case "candidate":
      case "restart": {
        const line = this._line(message.pc, message.gen);
        return line ? this._on(line, line.received(message)) : [];
      }
      case "ice-servers":
        this._given(message);
        return [];
      case "ring":
        return [{ kind: "ring" }];
      default:
        return [];
    }
  }

  _welcomed(welcome, now) {
    if (welcome.peer !== this.peer) this._becomeNewPeer();
    this._acknowledged(welcome.ack);
    this.phase = "live";
    this.peer = welcome.peer;
    this.participant = welcome.participant;
    this.can = welcome.can || [];
    this.state = welcome.state;
    this.session = welcome.session;
    this._token = welcome.token;
    this._pos = welcome.pos || this._pos;
    this._limits = { ...LIMITS, ...welcome.limits };
    this._liveSince = now;
    if (welcome.iceServers) this._given(welcome);
    const again = this._unacked.map(send);
    const seen = welcome.snapshot ? this._seen(welcome.snapshot, now) : [];
    return [...again, ...seen, ...this._flushed()];
  }

  _becomeNewPeer() {
    const unsaid = [...this._unacked.map(({ seq, ...command }) => command), ...this._waiting];
    this._waiting = unsaid.filter((command) => !command.pc);
    this._unacked = [];
    this._seq = 0;
    this._pos = null;
  }

  /** Take the whole room: what it does not name is gone. */
  _seen(view, now) {
    const pairs = view.pairs || [];
    const named = new Set(pairs.map((pair) => pair.pc));
    this.state = view.state;
    this.session = view.session;
    this.roster = new Map((view.participants || []).map((each) => [each.participant, each]));
    const gone = [...this.lines.keys()].filter((pc) => !named.has(pc));
    return [...gone.flatMap((pc) => this._unpaired(pc)), ...pairs.flatMap((pair) => this._paired(pair, now))];
  }

  _given({ iceServers, relayOnly = false }) {
    this.iceServers = iceServers;
    this.relayOnly = relayOnly;
  }

  _closed(close, now) {
    if (close.retry === "never") {
      const gone = [...this.lines.keys()].flatMap((pc) => this._unpaired(pc));
      this.phase = "closed";
      this.end = { code: close.code, reason: close.reason };
      return [{ kind: "drop" }, ...gone];
    }
    if (close.retry === "rejoin") this._token = null;
    return [{ kind: "drop" }, ...this._away(now, close.after || 0)];
  }

  _refused(error) {
    const of = this._unacked.find((command) => command.seq === error.ref) || null;
    return [{ kind: "refused", code: error.code, of }];
  }

  // --- Connections ---------------------------------------------------------------------------------

  _paired(pair, now) {
    const known = this.lines.get(pair.pc);
    if (known && pair.gen <= known.pair.gen) return [];
    const line = new Line(pair, { offersFirst: pair.offerer === this.peer, now });
    this.lines.set(pair.pc, line);
    return [{ kind: "connect", pair }, ...this._on(line, line.begun())];
  }

  _unpaired(pc) {
    return this.lines.delete(pc) ? [{ kind: "disconnect", pc }] : [];
  }

  /** Return the present generation; everything that names an older one is stale. */
  _line(pc, gen) {
    const line = this.lines.get(pc);
    return line && line.pair.gen === gen ? line : null;
  }

  _on(line, effects) {
    const { pc, gen } = line.pair;
    return effects.flatMap((effect) =>
      effect.kind === "say" ? this.said(effect.command) : [{ ...effect, pc, gen }],
    );
  }

  /** The lines whose patience counts: nobody answers who is away. */
  _awaited() {
    const isPresent = (participant) => {
      const seen = this.roster.get(participant);
      return !seen || seen.state === "admitted";
    };
    return [...this.lines.values()].filter((line) => !line.isConnected && isPresent(line.pair.participant));
  }

  // --- The link ------------------------------------------------------------------------------------

  _acknowledged(ack) {
    if (ack) this._unacked = this._unacked.filter((command) => command.seq > ack);
  }

  /** Send what waits, as far as the window reaches. */
  _flushed() {
    if (this.phase !== "live") return [];
    const next = this._waiting.splice(0, Math.max(this._limits.window - this._unacked.length, 0));
    const numbered = next.map((command) => ({ ...command, seq: ++this._seq }));
    this._unacked.push(...numbered);
    return numbered.map(send);
  }

  _silenceEnds() {
    if (this.phase === "greeting") return this._heardAt + GREET_WITHIN;
    return this.phase === "live" ? this._heardAt + this._limits.deadAfter : null;
  }

  _away(now, after = 0) {
    const hasLasted = this._liveSince !== null && now - this._liveSince >= LASTING;
    const failures = hasLasted ? 0 : this._failures;
    this.phase = "away";
    this._liveSince = null;
    this._failures = failures + 1;
    return [{ kind: "return", after, spread: Math.min(SPREAD[0] * 2 ** Math.min(failures, 16), SPREAD[1]) }];
  }
}

function send(message) {
  return { kind: "send", text: JSON.stringify(message) };
}

function retryOf(code) {
  if (RESUMABLE.has(code)) return "resume";
  return REJOINABLE.has(code) ? "rejoin" : "never";
}

/** Return the position that is further on; a resume replays from there. */
function later(known, seen) {
  if (!seen) return known;
  return known && parseInt(seen, 10) < parseInt(known, 10) ? known : seen;
}

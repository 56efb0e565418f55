/**
 * A device in a session: what it says to the hub, what it makes of the answers, when it comes back.
 *
 *     phase      input                        next       what is asked of the shell
 *     away       opened                       greeting   send hello: resume with the token, else the grant
 *     greeting   welcome                      live       send again what was not acknowledged, then what waits
 *     greeting   silence for 10 s             away       drop the transport, come back
 *     live       ping                         live       send pong
 *     live       ping, its digest another     away       drop, come back; the next resume asks for everything
 *     live       silence for `deadAfter`      away       drop, come back
 *     live       hinted                       live       send ping; silence for 5 s is death
 *     live       half of `iceLifetime`        live       ask for fresh ICE servers
 *     live       goaway                       away       drop, come back
 *     any        close, retry resume          away       drop, come back
 *     any        close, retry rejoin          away       drop, come back; the next hello takes a grant
 *     any        close, retry never           closed     drop, end every connection
 *     any        lost, or none to be had      away       come back
 *
 * Commands are numbered (`commands.js`); a resume sends the same numbers again, a rejoin makes a new peer.
 * Connections between endpoints live on meanwhile: only `pair`, `renew`, `unpair`, a snapshot and the end
 * touch them. What is renewed, or missing in a snapshot while whoever is at its other end is inside, here or
 * away, goes on as a former connection: for 15 s, and only as long as both are inside and nobody has said
 * `unpair`. How descriptions are exchanged is in `line.js`.
 *
 * No I/O, clock or randomness: every input returns a list of effects, and `now` (in seconds) is an argument.
 *
 *     { kind: "send", text }
 *     { kind: "drop" }                         close the transport
 *     { kind: "return", after, spread }        open a new one after that and a random part of `spread`; then `opened`
 *     { kind: "connect", pair }                make an endpoint; one that is connected with the same participant
 *                                              goes on until this one brings as much
 *     { kind: "disconnect", pc, gen }          end the endpoints up to this generation
 *     { kind: "refused", code, of }            the hub refused the command `of`
 *     { kind: "ring" }                         the clinician calls
 *     { kind: "texted", text }                 somebody has written just now
 *     { kind: "app", topic, data, participant }
 *                                              a message of the host's own
 *     and, with `pc` and `gen`, those of `line.js`: describe, apply, candidates, restart-ice
 */
import { Commands } from "./commands.js";
import { Line } from "./line.js";
import { added, inside, joined, lost, withMine } from "./texts.js";

/** Seconds that a hub has to answer a hello. */
export const GREET_WITHIN = 10;
/** Seconds that a hub has to answer where there is reason to doubt that it is still reached. */
export const ANSWER_WITHIN = 5;
/** The least and the greatest spread of a return, in seconds: full jitter. */
export const SPREAD = [0.5, 15];
/** A connection that has lived so many seconds starts the back-off anew. */
export const LASTING = 15;
/** Away for so many seconds, the link is no longer reconnecting but lost: time for the telephone. */
export const LOST_AFTER = 30;

/** Seconds for which a connection goes on that is to be replaced. */
export const GOES_ON_FOR = 15;

const CAPS = { rollback: true, iceRestart: true, trickle: "full" };
/** Until the hub says otherwise; nobody writes before. */
const LIMITS = { window: 64, deadAfter: 45, text: 0 };
const NOT_UNDERSTOOD = { code: 4000, reason: "not understood", retry: "never" };
const RESUMABLE = new Set([1001, 4002, 4008, 4010, 4012]);
const REJOINABLE = new Set([4003, 4013, 4014]);

export class Client {
  constructor({ agent = "" } = {}) {
    this.phase = "away";
    /** "live", also before the first attempt; "reconnecting", and after a while "lost". */
    this.link = "live";
    /** Why nothing more will come: `{ code, reason }`. */
    this.end = null;
    this.limits = LIMITS;

    /** The room, as this device may see it. */
    this.peer = null;
    this.participant = null;
    this.can = [];
    this.state = null;
    this.session = null;
    this.roster = new Map();
    /** What was written while this participant was inside: `{ participant, text, at }`. */
    this.texts = [];
    /** What this participant has written a short while ago: a log that is lost may lose it unread. */
    this._mine = [];
    this.lines = new Map();
    this._former = [];
    this.iceServers = [];
    this.relayOnly = false;

    this._agent = [...agent].slice(0, 300).join(""); // whole characters
    this._commands = new Commands();
    this._token = null;
    /** Up to where everything is known; null where the next welcome is to bring the whole room. */
    this._pos = null;
    /** The digest that did not fit what is known here. */
    this._doubted = null;
    this._heardAt = null;
    this._askedAt = null;
    this._liveSince = null;
    this._lostAt = null;
    this._failures = 0;
    this._iceLifetime = null;
    this._refreshAt = null;
  }

  // --- From the shell ------------------------------------------------------------------------------

  /** Whether the next hello needs no grant. */
  get resumes() {
    return this._token !== null;
  }

  /** A new transport stands: greet. `nonce` is drawn once. */
  opened({ grant = null, nonce, now }) {
    const hello = { v: 1, type: "hello", versions: [1], caps: CAPS, nonce, agent: this._agent };
    if (this.resumes) {
      hello.resume = { session: this.session.id, peer: this.peer, pos: this._pos || undefined, token: this._token };
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
    this._commands.said(command);
    return this._flushed();
  }

  /** The network has changed: a transport may be dead that looks alive, so ask. */
  hinted({ now }) {
    if (this.phase !== "live") return [];
    this._askedAt = this._askedAt === null ? now : this._askedAt;
    return [send({ v: 1, type: "ping", t: 0 })];
  }

  /** The transport has ended, perhaps with a close code of ours, or none could be had. */
  lost({ now, code = null }) {
    if (this.phase === "closed") return [];
    if (code !== null && code >= 4000) return this._closed({ code, reason: "", retry: retryOf(code) }, now);
    return this._away(now);
  }

  /** Time has passed; due at `due`. */
  passed({ now }) {
    const silenceEnds = this._silenceEnds();
    if (silenceEnds !== null && now >= silenceEnds) return [{ kind: "drop" }, ...this._away(now)];
    if (this.link === "reconnecting" && now >= this._lostAt) this.link = "lost";
    const overdue = this._awaited().flatMap((line) => this._on(line, line.overdue({ now })));
    return [...this._swept(now), ...this._refreshed(now), ...overdue];
  }

  /** When `passed` wants to be called next, if nothing else happens; null: never. */
  get due() {
    if (this.phase === "closed") return null;
    const lostAt = this.link === "reconnecting" ? this._lostAt : null;
    const ends = [...this._awaited().map((line) => line.due), ...this._former.map(({ until }) => until)];
    const times = [lostAt, this._silenceEnds(), this._refreshDue(), ...ends];
    const known = times.filter((time) => time !== null);
    return known.length > 0 ? Math.min(...known) : null;
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
    const message = read(text);
    this._heardAt = now;
    this._askedAt = null;
    if (message.type !== "welcome") this._pos = later(this._pos, message.pos);
    const effects = this._taken(message, now);
    this._commands.acknowledged(message.ack);
    return [...effects, ...this._flushed(), ...this._swept(now)];
  }

  _taken(message, now) {
    switch (message.type) {
      case "welcome":
        return this._welcomed(message, now);
      case "ping":
        return this._compared(message, now);
      case "close":
        return this._closed(message, now);
      case "goaway":
        return [{ kind: "drop" }, ...this._away(now)];
      case "error":
        return this._refused(message);
      case "snapshot":
        return this._seen(message, now);
      case "session":
        this.session = message;
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
        this._given(message, now);
        return [];
      case "ring":
        return [{ kind: "ring" }];
      case "text":
        return this._texted(message, now);
      case "app": {
        const { topic, data = null, participant } = message;
        return [{ kind: "app", topic, data, participant }];
      }
      default:
        return message.must ? this._closed(NOT_UNDERSTOOD, now) : [];
    }
  }

  _welcomed(welcome, now) {
    if (welcome.peer !== this.peer) this._commands.renumbered(this.peer, lost(this._mine, welcome.snapshot || {}, now));
    this._commands.acknowledged(welcome.ack);
    this.phase = this.link = "live";
    this.peer = welcome.peer;
    this.participant = welcome.participant;
    this.can = welcome.can || [];
    this.state = welcome.state;
    this.session = welcome.session;
    this._token = welcome.token;
    this._pos = welcome.pos || this._pos; // of another log, it may lie before ours
    this.limits = { ...LIMITS, ...welcome.limits };
    this._liveSince = now;
    if (welcome.iceServers) this._given(welcome, now);
    const again = this._commands.unacked.map(send);
    const seen = welcome.snapshot ? this._seen(welcome.snapshot, now) : [];
    return [...again, ...seen];
  }

  /** Answer, and come back for the whole room where the hub knows another one: once, it may not help. */
  _compared({ t, digest }, now) {
    const pong = send({ v: 1, type: "pong", t });
    if (!digest || digest === this._doubted || digest === digestOf([...this.roster.values()])) return [pong];
    this._doubted = digest;
    this._pos = null;
    return [pong, { kind: "drop" }, ...this._away(now)];
  }

  /** Take the whole room: what it does not name is gone, but for what was read, and what goes on. */
  _seen(view, now) {
    const pairs = view.pairs || [];
    const named = new Set(pairs.map((pair) => pair.pc));
    this.state = view.state;
    this.session = view.session;
    this.roster = new Map((view.participants || []).map((each) => [each.participant, each]));
    this.texts = this.state === "admitted" ? joined(this.texts, view.texts || []) : [];
    if (this.state !== "admitted") this._mine = [];
    for (const { pair } of this.lines.values()) if (!named.has(pair.pc)) this._setAside(pair, now);
    return [...this._swept(now), ...pairs.flatMap((pair) => this._paired(pair, now))];
  }

  _texted({ participant, text, at, id }, now) {
    const written = { participant, text, at, id };
    this.texts = added(this.texts, [written]);
    if (!this.texts.includes(written)) return [];
    if (participant === this.participant) this._mine = withMine(this._mine, written, { roster: this.roster.values(), now });
    return [{ kind: "texted", text: written }];
  }

  _given({ iceServers, relayOnly = false, iceLifetime = null }, now) {
    this.iceServers = iceServers;
    this.relayOnly = relayOnly;
    this._iceLifetime = iceLifetime;
    this._refreshAt = now + iceLifetime / 2;
  }

  _closed(close, now) {
    if (close.retry === "never") {
      for (const { pair } of this.lines.values()) this._setAside(pair, now);
      this.phase = "closed";
      this.end = { code: close.code, reason: close.reason };
      return [{ kind: "drop" }, ...this._swept(Infinity)];
    }
    if (close.retry === "rejoin") this._token = null;
    return [{ kind: "drop" }, ...this._away(now, close.after || 0)];
  }

  _refused(error) {
    return [{ kind: "refused", code: error.code, of: this._commands.numbered(error.ref) }];
  }

  // --- Connections ---------------------------------------------------------------------------------

  _paired(pair, now) {
    const known = this.lines.get(pair.pc);
    if (known && pair.gen <= known.pair.gen) return [];
    if (known) this._setAside(known.pair, now);
    const line = new Line(pair, { offersFirst: pair.offerer === this.peer, now });
    this.lines.set(pair.pc, line);
    return [{ kind: "connect", pair }, ...this._on(line, line.begun())];
  }

  _unpaired(pc) {
    const line = this.lines.get(pc);
    if (!line) return [];
    this.lines.delete(pc);
    this._former = this._former.filter((each) => each.pc !== pc);
    return [{ kind: "disconnect", pc, gen: line.pair.gen }];
  }

  /** Let a connection without a place in the room go on for a while. */
  _setAside({ pc, gen, participant }, now) {
    this.lines.delete(pc);
    this._former.push({ pc, gen, participant, until: now + GOES_ON_FOR });
  }

  /** End the former connections that may go on no longer. */
  _swept(now) {
    const stays = ({ participant, until }) => now < until && this._meets(participant);
    const gone = this._former.filter((each) => !stays(each));
    this._former = this._former.filter(stays);
    return gone.map(({ pc, gen }) => ({ kind: "disconnect", pc, gen }));
  }

  /** Whether both are inside, be they away for a moment, and may see each other. */
  _meets(participant) {
    return this.state === "admitted" && !this._isByPhone && inside(this.roster.values()).includes(participant);
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

  /** The lines whose patience counts: nobody answers who is away, and nobody hears us while we are. */
  _awaited() {
    if (this.phase !== "live") return [];
    const isPresent = (participant) => {
      const seen = this.roster.get(participant);
      return !seen || seen.state === "admitted";
    };
    return [...this.lines.values()].filter((line) => !line.isConnected && isPresent(line.pair.participant));
  }

  /** Whether a connection may be assigned at any moment: we wait to be let in, or somebody waits for us. */
  get awaits() {
    if (this.phase === "closed" || this._isByPhone) return false;
    return this.state === "waiting" || [...this.roster.values()].some(({ state }) => state === "arrived");
  }

  /** Whether a connection is being made, or due: somebody is inside with us to whom there is none. */
  get isMeeting() {
    if (this.phase === "closed" || this.state !== "admitted" || this._isByPhone) return false;
    const lines = [...this.lines.values()];
    const isMet = (participant) => participant === this.participant || lines.some(({ pair }) => pair.participant === participant);
    const isDue = ({ participant, state }) => state === "admitted" && !isMet(participant);
    return lines.some((line) => !line.isConnected) || [...this.roster.values()].some(isDue);
  }

  /** Whether this side has said all that the others need to connect. */
  get isDescribed() {
    return this.lines.size > 0 && [...this.lines.values()].every((line) => line.isDescribed);
  }

  get _isByPhone() {
    return this.session !== null && this.session.modality === "phone";
  }

  // --- The link ------------------------------------------------------------------------------------

  /** Send what waits, as far as the window reaches. */
  _flushed() {
    return this.phase === "live" ? this._commands.flushed(this.limits.window).map(send) : [];
  }

  /** When the ICE servers' credentials are half over; only those inside are given others. */
  _refreshDue() {
    const isInside = this.phase === "live" && this.state === "admitted";
    return isInside && this._iceLifetime ? this._refreshAt : null;
  }

  _refreshed(now) {
    const due = this._refreshDue();
    if (due === null || now < due) return [];
    this._refreshAt = now + this._iceLifetime / 2;
    return [send({ v: 1, type: "ice-servers" })];
  }

  _silenceEnds() {
    if (this.phase === "greeting") return this._heardAt + GREET_WITHIN;
    if (this.phase !== "live") return null;
    const patience = this._heardAt + this.limits.deadAfter;
    return this._askedAt === null ? patience : Math.min(patience, this._askedAt + ANSWER_WITHIN);
  }

  _away(now, after = 0) {
    const hasLasted = this._liveSince !== null && now - this._liveSince >= LASTING;
    const failures = hasLasted ? 0 : this._failures;
    this.phase = "away";
    this._liveSince = null;
    this._failures = failures + 1;
    if (this.link === "live") Object.assign(this, { link: "reconnecting", _lostAt: now + LOST_AFTER });
    return [{ kind: "return", after, spread: Math.min(SPREAD[0] * 2 ** Math.min(failures, 16), SPREAD[1]) }];
  }
}

/** What is no message must be understood, and cannot be. */
function read(text) {
  try {
    const message = JSON.parse(text);
    return message !== null && typeof message.type === "string" ? message : { must: true };
  } catch (error) {
    return { must: true };
  }
}

function send(message) {
  return { kind: "send", text: JSON.stringify(message) };
}

function retryOf(code) {
  if (RESUMABLE.has(code)) return "resume";
  return REJOINABLE.has(code) ? "rejoin" : "never";
}

/** Return what a hub's ping says of who is there: FNV-1a, 32 bits, over `participant:state:peer` in lines. */
function digestOf(roster) {
  const present = roster.filter(({ state }) => state !== "departed");
  const lines = present.map(({ participant, state, peer = "" }) => `${participant}:${state}:${peer}`).sort();
  let digest = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(lines.join("\n"))) digest = Math.imul(digest ^ byte, 0x01000193);
  return (digest >>> 0).toString(16).padStart(8, "0");
}

/** Return the position that is further on; a resume replays from there. */
function later(known, seen) {
  if (!seen) return known;
  return known && parseInt(seen, 10) < parseInt(known, 10) ? known : seen;
}

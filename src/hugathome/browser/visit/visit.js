/**
 * A visit without a page: one client, its link, and an endpoint for each connection that the room assigns.
 *
 * Of a connection that is made anew, the one before is shown and heard until the new one brings as much.
 *
 * It shows nothing: whoever made it looks at `client`, `streams` and `quality` when `changed` is called. The
 * tracks that it sends are not its own, and it stops none of them.
 */
import { signalUrl } from "../transport/api.js";
import { Client } from "../protocol/client.js";
import { Endpoint, Prepared } from "../media/endpoint.js";
import { Link } from "../transport/link.js";
import { Quality, together } from "../media/quality.js";

/** Milliseconds between two looks at the figures. */
const LOOKS_EVERY = 2000;
/** Milliseconds between two looks whether a new connection brings as much as the one before. */
const HANDS_OVER_AFTER = 50;
/** Milliseconds for which the other side may go on looking at what was replaced here. */
const STAYS_FOR = 1000;
/** One transport for all kinds: one to gather for, and one place at the relay instead of one for each kind. */
const BUNDLED = { bundlePolicy: "max-bundle" };

export class Visit {
  /**
   * `tracks` are what this device sends at first. `changed()` is called after everything that happens,
   * `rang()` when the clinician calls, `texted(text)` when somebody has written, `published(message)` when a
   * message of the host's own comes, `refused(problem)` once no grant can be had, `disallowed(code, command)`
   * when the hub refuses a command.
   */
  constructor({ tracks, freshGrant, changed, rang, texted, published, refused, disallowed }) {
    this.client = new Client({ agent: navigator.userAgent });
    /** How sound and picture come, by participant; of one's own, how they arrive at the others. */
    this.quality = new Map();
    Object.assign(this, { _changed: changed, _rang: rang, _texted: texted, _published: published });
    this._disallowed = disallowed;
    this._sent = new Map(tracks.map((track) => [track.kind, track]));
    /** By participant: the one that is shown, and its successor being made or, for a moment, the one before. */
    this._endpoints = new Map();
    this._handing = null;
    this._prepared = null;
    this._qualities = new Map();
    this._looking = null;
    const perform = (effect) => this._perform(effect);
    const heard = () => {
      this._prepare();
      changed();
    };
    this._link = new Link({ url: signalUrl(), client: this.client, freshGrant, perform, changed: heard, refused });
  }

  start() {
    this._link.start();
    this._lookLater();
  }

  /** What the others send: a MediaStream for each participant. */
  get streams() {
    return new Map([...this._endpoints].map(([participant, [shown]]) => [participant, shown.stream]));
  }

  /** What the hub allows, such as the characters of a `text`. */
  get limits() {
    return this.client.limits;
  }

  /** Say something to the hub, now or as soon as it is there. */
  say(command) {
    this._link.input((client) => client.said(command));
  }

  /** Send `track` and nothing else of its kind ("audio" or "video") to everybody, or nothing of it with null. */
  send(kind, track) {
    if (track) this._sent.set(kind, track);
    else this._sent.delete(kind);
    for (const endpoint of this._all) endpoint.send(kind, track);
    this._prepare();
  }

  /** The network is back. */
  hint() {
    this._link.hint();
  }

  /** End everything here; it ends nothing for the others. */
  stop() {
    clearTimeout(this._looking);
    this._looking = null;
    this._link.stop();
    this._unprepare();
    this._keep(() => false);
  }

  // --- Connections ---------------------------------------------------------------------------------

  _perform(effect) {
    switch (effect.kind) {
      case "connect":
        return this._connect(effect.pair);
      case "disconnect":
        return this._keep(({ pair }) => pair.pc !== effect.pc || pair.gen > effect.gen);
      case "ring":
        return this._rang();
      case "texted":
        return this._texted(effect.text);
      case "app":
        return this._published(effect);
      case "refused":
        return effect.of && !effect.of.pc ? this._disallowed(effect.code, effect.of) : undefined;
      default: {
        const endpoint = this._all.find(({ pair }) => pair.pc === effect.pc && pair.gen === effect.gen);
        return endpoint && endpoint.perform(effect);
      }
    }
  }

  _connect(pair) {
    const { pc, gen, participant } = pair;
    const known = this._qualities.get(participant);
    if (known) known.expect(); // a renewed connection is as lost as the one before until something comes
    const [shown] = this._endpoints.get(participant) || [];
    this._keep((each) => each.pair.participant !== participant || (each === shown && each.isConnected));
    this._qualities.set(participant, known || new Quality());
    const endpoint = new Endpoint({
      pair,
      prepared: this._taken({ offersFirst: pair.offerer === this.client.peer }),
      configuration: () => this._configuration,
      heard: (what, ...details) =>
        this._link.input((client, now) => client.heard(pc, gen, what, ...details, { now })),
      say: (command) => this.say(command),
      received: this._changed,
    });
    this._endpoints.set(participant, [...(this._endpoints.get(participant) || []), endpoint]);
    this._handOver();
  }

  get _all() {
    return [...this._endpoints.values()].flat();
  }

  /** End all endpoints but those that `stay`. */
  _keep(stay) {
    for (const [participant, endpoints] of [...this._endpoints]) {
      for (const each of endpoints) if (!stay(each)) each.close();
      const kept = endpoints.filter(stay);
      if (kept.length > 0) this._endpoints.set(participant, kept);
      else for (const known of [this._endpoints, this._qualities]) known.delete(participant);
    }
  }

  /** Show the successor where it brings as much, or there is nothing else to show; look again soon. */
  _handOver() {
    clearTimeout(this._handing);
    for (const [participant, [shown, next]] of this._endpoints) {
      if (!next || next.isReplaced || (shown.isConnected && shown.bringsMoreThan(next))) continue;
      shown.isReplaced = true;
      this._endpoints.set(participant, [next, shown]);
      setTimeout(() => this._keep((each) => each !== shown), STAYS_FOR);
      this._changed();
    }
    const isAwaited = [...this._endpoints.values()].some(({ length }) => length > 1);
    if (isAwaited) this._handing = setTimeout(() => this._handOver(), HANDS_OVER_AFTER);
  }

  get _configuration() {
    const { iceServers, relayOnly } = this.client;
    return { iceServers, iceTransportPolicy: relayOnly ? "relay" : "all", ...BUNDLED };
  }

  // --- The next connection -------------------------------------------------------------------------

  /** Have a connection ready while one is awaited: made before another is being made, and kept until it is taken. */
  _prepare() {
    const { awaits, isMeeting, can } = this.client;
    const what = this._next({ offersFirst: can.includes("admit") });
    const isKept = this._prepared !== null && this._prepared.fits(what);
    if (isKept && (awaits || isMeeting)) return;
    this._unprepare();
    if (awaits && !isMeeting && Prepared.isPossible) this._prepared = new Prepared({ ...what, configuration: BUNDLED });
  }

  _unprepare() {
    if (this._prepared) this._prepared.close();
    this._prepared = null;
  }

  /** Return the connection that is ready, or one made now where it is not the one that is needed. */
  _taken({ offersFirst }) {
    const { _prepared: prepared, _configuration: configuration } = this;
    const what = this._next({ offersFirst });
    if (prepared === null || !prepared.fits(what)) {
      this._unprepare();
      return new Prepared({ ...what, configuration });
    }
    this._prepared = null;
    return prepared.given(configuration);
  }

  _next({ offersFirst }) {
    const kinds = this.client.session && this.client.session.modality === "audio" ? ["audio"] : ["audio", "video"];
    return { tracks: [...this._sent.values()], kinds, offersFirst };
  }

  // --- Quality -------------------------------------------------------------------------------------

  _lookLater() {
    this._looking = setTimeout(() => this._look(), LOOKS_EVERY);
  }

  /** Look at the figures, unless nobody looks at the page; the next look waits for this one. */
  async _look() {
    const isSeen = !document.hidden;
    const looked = ([participant, quality]) => (isSeen ? this._judge(participant, quality) : quality.pause());
    await Promise.all([...this._qualities].map(looked));
    if (this._looking === null) return;
    this._lookLater();
    this._tellQuality();
  }

  async _judge(participant, quality) {
    const [shown] = this._endpoints.get(participant);
    const line = this.client.lines.get(shown.pair.pc);
    if (line && line.isLate) quality.expect();
    const report = shown.isConnected ? await shown.figures().catch(() => null) : null;
    const other = this.client.roster.get(participant) || {};
    quality.take(report, other.sends);
  }

  _tellQuality() {
    const before = JSON.stringify([...this.quality]);
    this.quality = new Map();
    for (const [participant, quality] of this._qualities) this.quality.set(participant, quality.received);
    this.quality.set(this.client.participant, together([...this._qualities.values()].map(({ sent }) => sent)));
    if (JSON.stringify([...this.quality]) !== before) this._changed();
  }
}

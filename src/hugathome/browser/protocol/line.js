/**
 * One generation of one connection, as the device at one of its ends sees it: whose turn it is to describe.
 *
 *     round        wantsOffer   offered       answered      an offer comes    an answer comes
 *     stable       → making     –             –             → answering       –
 *     making       wanted       → offered     –             glare             –
 *     offered      wanted       –             –             glare             → stable
 *     answering    wanted       –             → stable      –                 –
 *
 *     glare: of two offers that cross, the impolite side's stands. The impolite side ignores the other's; the
 *     polite one rolls its own back and answers, and its endpoint asks again for what is still to be said.
 *     wanted: kept until the round is stable again, then due.
 *
 * The side that does not offer first waits for the first offer: its own would only cross it. Candidates are
 * held until their description was handed on, so that doing everything in the order given is always right.
 *
 * No I/O and no clock: every method returns a list of effects, and `now` (in seconds) is an argument.
 *
 *     { kind: "describe" }                   make an offer, apply it, hand it to `offered`
 *     { kind: "apply", type, sdp }           apply a remote description; after an offer hand the answer to `answered`
 *     { kind: "candidates", candidates }     add remote candidates
 *     { kind: "restart-ice" }                offer again, with new ICE credentials
 *     { kind: "say", command }               tell the hub
 */

/** Seconds that an endpoint has to connect before a new generation is asked for. */
export const CONNECT_WITHIN = 15;
/** Seconds that a failure waits which comes before: what failed once may fail again. */
export const FAILED_WAITS = 2;
/** Candidates that wait for their description; more than one generation may send. */
const MOST_HELD = 64;

export class Line {
  /** `pair` is what the room assigned; `offersFirst` whether the first offer is this side's. */
  constructor(pair, { offersFirst, now }) {
    this.pair = pair;
    this.offersFirst = offersFirst;
    this.neg = pair.neg || 0;
    this.round = "stable";
    this.isWanted = false;
    this.isConnected = false;
    /** Whether it should have been connected by now. */
    this.isLate = false;
    this.due = now + CONNECT_WITHIN;
    this._ufrags = new Set();
    this._held = [];
  }

  /** Whether this side has said its part of a round. */
  get isDescribed() {
    return this.round === "offered" || (this.round === "stable" && this.neg > 0);
  }

  /** Begin: the first offer is due without being asked for. */
  begun() {
    if (this.pair.neg > 0) return [this._restart("the endpoint was lost")]; // ours began it, and is no more
    return this.offersFirst ? this._describe() : [];
  }

  /** The endpoint has something new to negotiate. */
  wantsOffer() {
    if (this.neg === 0 && !this.offersFirst) return [];
    if (this.round === "stable") return this._describe();
    this.isWanted = true;
    return [];
  }

  /** The endpoint has made the offer; one that was overtaken is dropped. */
  offered(sdp) {
    if (this.round !== "making") return [];
    this.round = "offered";
    this.neg += 1;
    return [this._say({ type: "offer", neg: this.neg, sdp })];
  }

  /** The endpoint has answered the last offer. */
  answered(sdp) {
    if (this.round !== "answering") return [];
    return [this._say({ type: "answer", neg: this.neg, sdp }), ...this._stable()];
  }

  /** The endpoint could not describe itself, or not take a description: begin anew, but not at once. */
  failed({ now }) {
    this.round = "stable";
    this.isWanted = false;
    this.isConnected = false;
    this.due = now + FAILED_WAITS;
    return [];
  }

  /** Take the endpoint's `connectionState`: what broke begins anew at once, what never worked a little later. */
  fared(state, { now }) {
    const told = this._say({ type: "media", state });
    if (state === "connected") {
      this.isConnected = true;
    } else if ((state === "failed" || state === "closed") && this.isConnected) {
      this.isConnected = false;
      this.due = now + CONNECT_WITHIN;
      return [told, this._restart(state)];
    } else if (state === "failed") {
      this.due = Math.min(this.due, now + FAILED_WAITS);
    }
    return [told];
  }

  /** Time has passed: ask for a new generation once patience has ended. */
  overdue({ now }) {
    if (this.isConnected || now < this.due) return [];
    this.isLate = true;
    this.due = now + CONNECT_WITHIN;
    return [this._restart("it did not connect")];
  }

  /** The hub has relayed something for this generation; what does not fit changes nothing. */
  received(message) {
    switch (message.type) {
      case "offer":
        return this._isTimely(message) ? this._offered(message) : [];
      case "answer":
        if (this.round !== "offered" || message.neg !== this.neg) return [];
        return [...this._applied("answer", message.sdp), ...this._stable()];
      case "candidate":
        return this._trickled(message.candidates);
      case "restart":
        return [{ kind: "restart-ice" }];
      default:
        return [];
    }
  }

  _isTimely(offer) {
    if (this.round === "offered") return this.pair.polite && offer.neg >= this.neg;
    return offer.neg > this.neg && (this.round !== "making" || this.pair.polite);
  }

  _offered(offer) {
    this.round = "answering";
    this.neg = offer.neg;
    return this._applied("offer", offer.sdp);
  }

  _applied(type, sdp) {
    this._ufrags = new Set(Array.from(sdp.matchAll(/^a=ice-ufrag:([^\r\n]+)/gm), (found) => found[1]));
    const held = this._held;
    this._held = [];
    return [{ kind: "apply", type, sdp }, ...this._trickled(held)];
  }

  _trickled(candidates) {
    const fits = (one) => this._ufrags.size > 0 && (!one.usernameFragment || this._ufrags.has(one.usernameFragment));
    const ready = candidates.filter(fits);
    this._held = this._held.concat(candidates.filter((one) => !fits(one))).slice(-MOST_HELD);
    return ready.length > 0 ? [{ kind: "candidates", candidates: ready }] : [];
  }

  _describe() {
    this.round = "making";
    this.isWanted = false;
    return [{ kind: "describe" }];
  }

  _stable() {
    this.round = "stable";
    return this.isWanted ? this._describe() : [];
  }

  _restart(reason) {
    return this._say({ type: "restart", reason });
  }

  _say(command) {
    return { kind: "say", command: { ...command, pc: this.pair.pc, gen: this.pair.gen } };
  }
}

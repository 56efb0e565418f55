/**
 * One RTCPeerConnection: does what its line decides, one thing after another, and says how it fares.
 *
 * It decides nothing: neither when to offer, nor when to give up. The tracks it sends are not its own, and
 * closing it stops none of them. It may be prepared long before there is anybody to connect with.
 */
const CANDIDATES_AT_ONCE = 16;
/** What a state of ICE says of the connection, where it has another word for it. */
const MEANS = { checking: "connecting", completed: "connected" };
/** Milliseconds that a picture is given to come, before anything else is said: every message keeps it waiting. */
export const PICTURE_FIRST = 400;
const GATHER_FOR = 30; // ms: a handful of candidates in one message instead of a message each; the first goes at once

/**
 * A connection before anybody is at its other end: made, with all that this device sends, and where this side
 * offers first with the offer at hand. It reaches nobody: its offer is not applied, so nothing is gathered.
 */
export class Prepared {
  /** `tracks` are sent; `kinds` ("audio", "video") is what the visit has. */
  constructor({ tracks, kinds, offersFirst, configuration }) {
    this._what = { tracks, kinds, offersFirst };
    this.rtc = new RTCPeerConnection(configuration);
    this._fill();
    this._offer = offersFirst ? this.rtc.createOffer().catch(() => null) : null;
  }

  /** Whether the browser can be told of ICE servers afterwards; Firefox can from 119 on. */
  static get isPossible() {
    return "setConfiguration" in RTCPeerConnection.prototype;
  }

  /** Whether it is what would be made now. */
  fits({ tracks, kinds, offersFirst }) {
    const { _what: mine } = this;
    return offersFirst === mine.offersFirst && areSame(tracks, mine.tracks) && areSame(kinds, mine.kinds);
  }

  /** Go by `configuration` from now on; returns itself. */
  given(configuration) {
    this.rtc.setConfiguration(configuration);
    return this;
  }

  /** Resolve to an offer: the first time, to the one at hand. */
  async offer() {
    const atHand = await this._offer;
    this._offer = null;
    return atHand || this.rtc.createOffer();
  }

  close() {
    this.rtc.close();
  }

  _fill() {
    const { tracks, kinds, offersFirst } = this._what;
    const stream = new MediaStream(tracks);
    for (const track of tracks) this.rtc.addTrack(track, stream);
    const silent = kinds.filter((kind) => !tracks.some((track) => track.kind === kind));
    // Whoever answers gets a place for each kind from the offer; of the offerer's own nobody could send there.
    if (offersFirst) for (const kind of silent) this.rtc.addTransceiver(kind, { direction: "recvonly" });
  }
}

function areSame(these, those) {
  return these.length === those.length && these.every((each, index) => each === those[index]);
}

export class Endpoint {
  /**
   * `prepared` is the connection, and this one's from now on; `configuration()` gives what is true at the
   * moment, for ICE credentials expire. `heard(what, ...details)` speaks to the line, `say(command)` to the
   * hub, `received()` is called when there is more of what the other side sends.
   */
  constructor({ pair, prepared, configuration, heard, say, received }) {
    this.pair = pair;
    /** What the other side sends. */
    this.stream = new MediaStream();
    /** Whether another one is shown in its place. */
    this.isReplaced = false;
    this._prepared = prepared;
    this._heard = heard;
    this._say = say;
    this._configuration = configuration;
    this._work = Promise.resolve();
    this._gathered = [];
    this._hasSentAny = false;
    this._sending = null;
    this._telling = null;
    this._hasConnected = false;
    this._isClosed = false;
    const rtc = (this._rtc = prepared.rtc);
    // The first description is due unasked, and holds all that it was made with.
    rtc.onnegotiationneeded = () => rtc.localDescription && this._heard("wantsOffer");
    rtc.onicecandidate = ({ candidate }) => this._found(candidate);
    this._watch();
    rtc.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      received();
    };
  }

  /** Carry out an effect of the line, after those before it. */
  perform(effect) {
    this._then(() => this._do(effect));
  }

  /** Send `track` and nothing else of its kind, or with null nothing of it; the connection stays. */
  send(kind, track) {
    this._then(() => this._replace(kind, track));
  }

  get isConnected() {
    return stateOf(this._rtc) === "connected";
  }

  /** Whether something has come here a moment ago, sound or picture, and nothing of that kind at `other`. */
  bringsMoreThan(other) {
    const kinds = broughtBy(other._rtc);
    return broughtBy(this._rtc).some((kind) => !kinds.includes(kind));
  }

  /** Return the browser's figures. */
  figures() {
    return this._rtc.getStats();
  }

  /** End it; the tracks that it sent go on elsewhere. */
  close() {
    this._isClosed = true;
    clearTimeout(this._sending);
    clearTimeout(this._telling);
    this._rtc.onnegotiationneeded = this._rtc.onicecandidate = null;
    this._rtc.onconnectionstatechange = this._rtc.oniceconnectionstatechange = this._rtc.ontrack = null;
    this._rtc.close();
  }

  /** Firefox knows `connectionState` from 113 on; before, ICE says nearly as much. */
  _watch() {
    const rtc = this._rtc;
    const what = "connectionState" in rtc ? "onconnectionstatechange" : "oniceconnectionstatechange";
    rtc[what] = () => this._fared(stateOf(rtc));
  }

  /** Bad news is told at once; that it connects for the first time, once there has been time for a picture. */
  _fared(state) {
    const isFirst = !this._hasConnected;
    if (isFirst && state === "connecting") return;
    clearTimeout(this._telling);
    if (state !== "connected" || !isFirst) return this._heard("fared", state);
    this._hasConnected = true;
    this._telling = setTimeout(() => this._heard("fared", state), PICTURE_FIRST);
  }

  _then(work) {
    this._work = this._work
      .then(() => (this._isClosed ? undefined : work()))
      .catch(() => this._isClosed || this._heard("failed"));
  }

  async _do(effect) {
    switch (effect.kind) {
      case "describe":
        await this._rtc.setLocalDescription(await this._prepared.offer());
        return this._heard("offered", this._rtc.localDescription.sdp);
      case "apply":
        return this._apply(effect);
      case "candidates":
        for (const candidate of effect.candidates) await this._add(candidate);
        return undefined;
      case "restart-ice":
        // Firefox knows it from 119 on; before, an ICE restart goes by the servers that it was made with.
        if (this._rtc.setConfiguration) this._rtc.setConfiguration(this._configuration());
        return this._rtc.restartIce();
      default:
        return undefined;
    }
  }

  /** Nothing in the place of a track needs no negotiation; a track in a place that only received does. */
  async _replace(kind, track) {
    const isPlace = ({ receiver, currentDirection }) => receiver.track.kind === kind && currentDirection !== "stopped";
    const place = this._rtc.getTransceivers().find(isPlace);
    if (!place) return track && this._rtc.addTrack(track, new MediaStream([track]));
    await place.sender.replaceTrack(track);
    if (track) place.direction = "sendrecv";
  }

  async _apply({ type, sdp }) {
    if (type === "offer" && this._rtc.signalingState === "have-local-offer") {
      await this._rtc.setLocalDescription({ type: "rollback" });
    }
    await this._rtc.setRemoteDescription({ type, sdp });
    if (type === "answer") return;
    await this._rtc.setLocalDescription(await this._rtc.createAnswer());
    this._heard("answered", this._rtc.localDescription.sdp);
  }

  /** A candidate that cannot be used is no reason to fail: others may be. */
  async _add(candidate) {
    await this._rtc.addIceCandidate(candidate).catch(() => undefined);
  }

  _found(candidate) {
    // aiortc waits for the empty one, which some browsers do not announce themselves.
    this._gathered.push(candidate ? candidate.toJSON() : { candidate: "" });
    const wait = this._hasSentAny ? GATHER_FOR : 0;
    if (this._sending === null) this._sending = setTimeout(() => this._sendGathered(), wait);
  }

  _sendGathered() {
    this._sending = null;
    this._hasSentAny = true;
    const { pc, gen } = this.pair;
    while (this._gathered.length > 0) {
      const candidates = this._gathered.splice(0, CANDIDATES_AT_ONCE);
      this._say({ type: "candidate", pc, gen, candidates });
    }
  }
}

function stateOf({ connectionState, iceConnectionState: state }) {
  return connectionState || MEANS[state] || state;
}

/** Return of which kinds something has reached its track in the last ten seconds. */
function broughtBy(rtc) {
  const brings = ({ receiver }) => receiver.getSynchronizationSources().length > 0;
  return rtc.getTransceivers().filter(brings).map(({ receiver }) => receiver.track.kind);
}

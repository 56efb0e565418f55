/**
 * The pipe between a client and its hub: opens WebSockets, keeps the client's time, carries out its effects.
 * Where a WebSocket is not to be had, `ways.js` knows others.
 *
 * What concerns endpoints is handed on. A grant is fetched only where the client cannot resume; an answer
 * that will not change (the visit has ended, the pass is dead) ends the link.
 */
import { late } from "./late.js";

const SUBPROTOCOL = "hugathome.v1";
/** Seconds for an attempt to open: behind a silent proxy a WebSocket neither opens nor fails. */
export const OPEN_WITHIN = 10;
/** Not by its name where it is loaded, or every page would load it beforehand. */
const WAYS = "transport/ways.js";

export class Link {
  /**
   * `freshGrant()` trades the pass; `perform(effect)` is given what is not the link's own; `changed()` is
   * called after every input; `refused(problem)` once no grant can be had any more.
   */
  constructor({ url, client, freshGrant, perform, changed, refused }) {
    Object.assign(this, { _url: url, _client: client, _freshGrant: freshGrant });
    Object.assign(this, { _perform: perform, _changed: changed, _refused: refused });
    this._attempt = null;
    this._timer = null;
    this._returning = null;
    this._notBefore = 0;
    this._isOver = false;
    this._nonce = nonce();
    this._ways = null;
    this._unheard = 0;
  }

  /** Connect, and stay connected until the client is closed or `stop` is called. */
  async start() {
    clearTimeout(this._returning);
    this._returning = null;
    if (this._isOver || this._attempt !== null) return;
    const attempt = (this._attempt = { socket: null });
    const isOurs = () => this._attempt === attempt;
    attempt.deadline = setTimeout(() => this._ended(null), 1000 * OPEN_WITHIN);
    try {
      const grant = this._client.resumes ? null : await this._freshGrant();
      if (this._unheard > 1) await this._lookForWays();
      if (isOurs()) attempt.socket = this._open(grant, isOurs);
    } catch (problem) {
      if (isOurs()) this._failed(problem);
    }
  }

  /** Give an input to the client and carry out what it asks. */
  input(give) {
    if (this._isOver) return;
    for (const effect of give(this._client, seconds())) this._carryOut(effect);
    this._isOver = this._isOver || this._client.phase === "closed";
    this._keepTime();
    this._changed();
  }

  /** The network is back, or another one: wait only for what the hub asks, and trust no socket that says nothing. */
  hint() {
    this._unheard = 0;
    if (this._returning === null) return this.input((client, now) => client.hinted({ now }));
    const left = this._notBefore - seconds();
    return left > 0 ? this._comeBack(left, 0) : this.start();
  }

  /** Close for good. */
  stop() {
    this._isOver = true;
    clearTimeout(this._returning);
    clearTimeout(this._timer);
    this._drop();
  }

  async _lookForWays() {
    if (this._ways === null) {
      const loaded = await late(WAYS, { waits: [] }).catch(() => null); // the next attempt is soon enough
      if (loaded) this._ways = new loaded.Ways(this._url, this._client.peer !== null);
    }
  }

  _open(grant, isOurs) {
    const socket = this._ways ? this._ways.open(this._unheard) : new WebSocket(this._url, SUBPROTOCOL);
    this._unheard += 1;
    const give = (input) => isOurs() && this.input(input);
    socket.onopen = () => {
      if (isOurs()) clearTimeout(this._attempt.deadline);
      give((client, now) => client.opened({ grant, nonce: this._nonce, now }));
    };
    socket.onmessage = ({ data }) => {
      this._unheard = 0;
      if (this._ways) socket.heard();
      give((client, now) => client.received(data, { now }));
    };
    socket.onclose = ({ code }) => isOurs() && this._ended(code);
    return socket;
  }

  _failed(problem) {
    if (!problem.isFinal) return this._ended(null);
    this.stop();
    return this._refused(problem);
  }

  _ended(code) {
    this._drop();
    this.input((client, now) => client.lost({ now, code }));
  }

  _carryOut(effect) {
    switch (effect.kind) {
      case "send":
        this._send(effect.text);
        break;
      case "drop":
        this._drop();
        break;
      case "return":
        this._drop();
        this._comeBack(effect.after, effect.spread);
        break;
      default:
        this._perform(effect);
    }
  }

  _comeBack(after, spread) {
    clearTimeout(this._returning);
    this._notBefore = seconds() + after;
    if (!this._isOver) this._returning = setTimeout(() => this.start(), 1000 * (after + Math.random() * spread));
  }

  /** What a closed socket does not take stays unacknowledged, and is sent again. */
  _send(text) {
    const socket = this._attempt && this._attempt.socket;
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(text);
  }

  _drop() {
    const attempt = this._attempt;
    this._attempt = null;
    if (attempt) clearTimeout(attempt.deadline);
    if (attempt && attempt.socket) attempt.socket.close();
  }

  _keepTime() {
    clearTimeout(this._timer);
    const { due } = this._client;
    if (this._isOver || due === null) return;
    const wait = Math.max(due - seconds(), 0.05);
    this._timer = setTimeout(() => this.input((client, now) => client.passed({ now })), 1000 * wait);
  }
}

function seconds() {
  return performance.now() / 1000;
}

function nonce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

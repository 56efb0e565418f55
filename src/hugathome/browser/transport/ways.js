/**
 * The ways to a hub: a WebSocket, and where a proxy refuses that, POSTs: with a stream, or with long polls.
 *
 * Each looks like a WebSocket. A way by which nothing is heard gives its turn to the next; every return begins with
 * the best by which anything was ever heard. Loaded once WebSockets have failed, and only then.
 */
const SUBPROTOCOL = "hugathome.v1";
/** Attempts before the next way has its turn: where nothing was ever heard, and where the server may be restarting. */
const [TRIES, PATIENT_TRIES] = [2, 4];
const [OPEN, CLOSED] = [1, 3];
const EVENTS = "text/event-stream";
/** Seconds that a long poll may wait: proxies end what is silent for thirty. */
const WAIT = 25;
/** Frames, and characters in all, of one request. */
const [MOST, LONGEST] = [16, 65536];
/** Times that a request is made which may have got lost; frames are numbered, so nothing happens twice. */
const ASKED = 2;

export class Ways {
  /** `url` is the WebSocket's; `isKnown` says whether anything was ever heard by it. */
  constructor(url, isKnown) {
    // one address for all requests of a page, and no secret: a balancer may hash it to find the same worker
    const posts = `${url.replace(/^ws/, "http")}/${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
    this._ways = [
      () => new WebSocket(url, SUBPROTOCOL),
      () => new Posted(posts, { streams: true }),
      () => new Posted(posts, { streams: false }),
    ];
    this._best = isKnown ? 0 : null;
  }

  /** Return a new socket; `unheard` attempts in a row have heard nothing. */
  open(unheard) {
    const tries = this._best === null ? TRIES : PATIENT_TRIES;
    const way = ((this._best || 0) + Math.floor(unheard / tries)) % this._ways.length;
    const socket = this._ways[way]();
    const heard = () => (this._best = this._best === null ? way : Math.min(this._best, way));
    return Object.assign(socket, { heard });
  }
}

class Posted {
  constructor(url, { streams }) {
    this.readyState = 0;
    Object.assign(this, { onopen: null, onmessage: null, onclose: null });
    this._url = url;
    this._name = null;
    this._after = this._taken = 0;
    this._unsaid = [];
    this._isSaying = false;
    this._given = new AbortController();
    (streams ? this._streamed() : this._polled()).catch(() => undefined).then(() => this._lost());
  }

  send(text) {
    this._unsaid.push(text);
    this._say();
  }

  /** Say goodbye, and with it what was not said yet. */
  close() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this._given.abort();
    if (this._name === null) return;
    const last = { connection: this._name, ...this._next(), ends: true };
    post(this._url, last, { keepalive: true }).catch(() => undefined);
  }

  async _streamed() {
    const response = await post(this._url, {}, { accept: EVENTS, signal: this._given.signal });
    const [reader, decoder] = [response.body.getReader(), new TextDecoder()];
    for (let rest = ""; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + decoder.decode(value, { stream: true })).split("\n\n");
      rest = events.pop();
      for (const event of events) if (event.startsWith("data: ")) this._take(JSON.parse(event.slice(6)));
    }
  }

  async _polled() {
    for (let told = await this._ask({}); ; ) {
      this._take(told);
      if (told.ended) return;
      told = await this._ask({ connection: this._name, after: this._after, wait: WAIT });
    }
  }

  _take({ connection, number, frames }) {
    if (connection) {
      this._name = connection;
      this.readyState = OPEN;
      this.onopen();
    }
    this._after = number + frames.length - 1;
    for (const data of frames) if (this.readyState === OPEN) this.onmessage({ data });
  }

  async _say() {
    if (this._isSaying) return;
    this._isSaying = true;
    try {
      while (this._unsaid.length > 0 && this.readyState === OPEN) {
        const { taken } = await this._ask({ connection: this._name, ...this._next() });
        this._unsaid.splice(0, taken - this._taken);
        this._taken = taken;
      }
    } catch (lost) {
      this._lost();
    } finally {
      this._isSaying = false;
    }
  }

  /** The frames that go out next, and the number of the first. */
  _next() {
    let length = 0;
    const fits = (text, place) => place === 0 || (place < MOST && (length += text.length) <= LONGEST);
    length = this._unsaid.length > 0 ? this._unsaid[0].length : 0;
    const end = this._unsaid.findIndex((text, place) => !fits(text, place));
    return { number: this._taken + 1, frames: end < 0 ? [...this._unsaid] : this._unsaid.slice(0, end) };
  }

  async _ask(asked) {
    for (let left = ASKED - 1; ; left -= 1) {
      try {
        return await (await post(this._url, asked, { signal: this._given.signal })).json();
      } catch (lost) {
        if (left === 0 || lost.isFinal || this.readyState === CLOSED) throw lost;
      }
    }
  }

  _lost() {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this._given.abort();
    this.onclose({ code: 1006 });
  }
}

/** Return the response, or throw: what the server has refused is not asked again. */
async function post(url, asked, { accept = "application/json", ...options }) {
  const headers = { "Content-Type": "application/json", Accept: accept };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(asked), cache: "no-store", ...options });
  if (!response.ok) throw Object.assign(new Error(`${response.status}`), { isFinal: true });
  return response;
}

/**
 * A visit without a page: one client, its link, and an endpoint for each connection that the room assigns.
 *
 * It shows nothing: whoever made it looks at `client` when `changed` is called, and at `streams`.
 */
import { signalUrl } from "./api.js";
import { Client } from "./client.js";
import { Endpoint } from "./endpoint.js";
import { Link } from "./link.js";

export class Visit {
  /**
   * `kinds` is what the visit has ("audio", "video"), `tracks` what this device sends. `changed()` is called
   * after everything that happens, `rang()` when the clinician calls, `refused(problem)` once no grant can be
   * had, `disallowed(code, command)` when the hub refuses a command.
   */
  constructor({ kinds, tracks, freshGrant, changed, rang, refused, disallowed }) {
    this.client = new Client({ agent: navigator.userAgent });
    /** What the others send: a MediaStream for each participant. */
    this.streams = new Map();
    this._kinds = kinds;
    this._tracks = tracks;
    this._changed = changed;
    this._rang = rang;
    this._disallowed = disallowed;
    this._endpoints = new Map();
    const perform = (effect) => this._perform(effect);
    this._link = new Link({ url: signalUrl(), client: this.client, freshGrant, perform, changed, refused });
  }

  start() {
    this._link.start();
  }

  /** Say something to the hub, now or as soon as it is there. */
  say(command) {
    this._link.input((client) => client.said(command));
  }

  /** The network is back. */
  hint() {
    this._link.hint();
  }

  /** End everything here; it ends nothing for the others. */
  stop() {
    this._link.stop();
    for (const pc of [...this._endpoints.keys()]) this._disconnect(pc);
  }

  _perform(effect) {
    switch (effect.kind) {
      case "connect":
        return this._connect(effect.pair);
      case "disconnect":
        return this._disconnect(effect.pc);
      case "ring":
        return this._rang();
      case "refused":
        return effect.of && !effect.of.pc ? this._disallowed(effect.code, effect.of) : undefined;
      default: {
        const endpoint = this._endpoints.get(effect.pc);
        return endpoint && endpoint.pair.gen === effect.gen ? endpoint.perform(effect) : undefined;
      }
    }
  }

  _connect(pair) {
    this._disconnect(pair.pc);
    const { pc, gen, participant } = pair;
    const { iceServers, relayOnly } = this.client;
    const stream = new MediaStream();
    this.streams.set(participant, stream);
    this._endpoints.set(
      pc,
      new Endpoint({
        pair,
        offersFirst: pair.offerer === this.client.peer,
        configuration: { iceServers, iceTransportPolicy: relayOnly ? "relay" : "all" },
        tracks: this._tracks,
        kinds: this._kinds,
        heard: (what, ...details) =>
          this._link.input((client, now) => client.heard(pc, gen, what, ...details, { now })),
        say: (command) => this.say(command),
        received: (track) => {
          stream.addTrack(track);
          this._changed();
        },
      }),
    );
  }

  _disconnect(pc) {
    const endpoint = this._endpoints.get(pc);
    if (!endpoint) return;
    endpoint.close();
    this._endpoints.delete(pc);
    this.streams.delete(endpoint.pair.participant);
  }
}

/**
 * What a device has said and the hub has not yet acknowledged: numbers, a limit, and what waits.
 *
 * Numbers (`seq`) start at 1 for each peer, have no gaps and are given at the first sending; a resume sends
 * the same ones again, so that a command takes effect once however often it travels. A rejoin gives others,
 * and names the first ones (`again`) of what may have been taken.
 */

/** What is of the peer itself, and new for a new one. */
const OWN = new Set(["leave", "sending"]);

/** What a hub can read of a message of the host's own: for any other it would end the connection for good. */
const TOPIC = /^[0-9A-Za-z._~-]{1,64}$/;
const [LONGEST, DEEPEST] = [4096, 32];
/** Half a character, as JSON writes it. */
const HALF = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

/** Return the command that says `data` as they are now to everybody else inside, or null where no hub would read it. */
export function appOf(topic, data = null) {
  try {
    const text = JSON.stringify(data);
    const said = JSON.parse(text);
    const isFit = typeof topic === "string" && TOPIC.test(topic) && text.length <= LONGEST && !HALF.test(text);
    return isFit && levels(said) <= DEEPEST ? { type: "app", topic, data: said } : null;
  } catch (unsayable) {
    return null; // JSON has no word for it, or no end
  }
}

function levels(data) {
  return data !== null && typeof data === "object" ? 1 + Math.max(0, ...Object.values(data).map(levels)) : 0;
}

export class Commands {
  constructor() {
    /** Numbered and sent. */
    this.unacked = [];
    this._waiting = [];
    this._seq = 0;
    this._sending = null;
  }

  /** Let a command wait for its turn. */
  said(command) {
    this._waiting.push({ v: 1, ...command });
    if (command.type === "sending") this._sending = command;
  }

  /** Forget what the hub has taken: all up to `ack`. */
  acknowledged(ack) {
    if (ack) this.unacked = this.unacked.filter((command) => command.seq > ack);
  }

  /** Number what may go out now, so that never more than `limit` are unacknowledged; return it. */
  flushed(limit) {
    const next = this._waiting.splice(0, Math.max(limit - this.unacked.length, 0));
    const numbered = next.map((command) => ({ ...command, seq: ++this._seq }));
    this.unacked.push(...numbered);
    return numbered;
  }

  /**
   * Begin anew for a new peer: connections of the old one are no more, nor is what was said of them. What
   * this device sends is said again, for nobody knows it of the new one; and first of all what was `lost`
   * although it was acknowledged.
   */
  renumbered(former, lost = []) {
    const again = ({ seq, ...command }) => (OWN.has(command.type) ? command : { again: `${former}.${seq}`, ...command });
    const unsaid = [...lost, ...this.unacked.map(again), ...this._waiting];
    this.unacked = [];
    this._seq = 0;
    this._waiting = unsaid.filter((command) => !command.pc);
    if (this._sending && !unsaid.some(({ type }) => type === "sending")) this.said(this._sending);
  }

  /** Return the unacknowledged command of this number, or null. */
  numbered(seq) {
    return this.unacked.find((command) => command.seq === seq) || null;
  }
}

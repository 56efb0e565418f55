/**
 * How sound and picture come through, from the browser's figures: "good", "weak" or "lost", honest and calm.
 *
 * Two samples make one verdict on what came between them; a verdict is shown once it lasts. Where nothing is
 * meant to come (a muted microphone, a camera that is off) nothing is judged, and the verdict is null.
 *
 * No I/O and no clock: figures come in as `RTCStatsReport`s, the time in them.
 */

/** Share of packets: Opus conceals one in twenty unheard, and a picture makes up for it by asking again. */
const MOST_LOST = 0.05;
/** Share of the sound that was made up: with more, a word is missing in every sentence. */
const MOST_CONCEALED = 0.1;
/** Seconds of waiting for late packets: with more, two people begin to talk at the same time. */
const MOST_JITTER = 0.1;
/** Share of the time in which the picture stood still. */
const MOST_FROZEN = 0.2;
/** Frames in a second: fewer are a row of photographs, and no face is read from them. */
const FEWEST_FRAMES = 5;
/** Seconds to the other side and back: with more, a talk becomes an exchange of messages (ITU-T G.114). */
const LONGEST_WAY = 0.8;

const ASPECTS = { audio: "sound", video: "picture" };
const RANKS = ["good", "weak", "lost"];
/** Verdicts in a row that it takes to show a worse one, and a better one. */
const WORSE_TAKES = 2;
const BETTER_TAKES = 3;

/** One connection as one side has it; `take` is given what there is to go by, again and again. */
export class Quality {
  constructor() {
    this._hasBegun = false;
    this._before = {};
    this._hasCome = {};
    this._received = { sound: new Verdict(), picture: new Verdict() };
    this._sent = { sound: new Verdict(), picture: new Verdict() };
  }

  /** What comes from the other side: `{ sound, picture }`, each only once it is known. */
  get received() {
    return shown(this._received);
  }

  /** How what this side sends arrives over there, as they report it; never "lost". */
  get sent() {
    return shown(this._sent);
  }

  /** From now on something should come: what does not is lost, even if nothing ever was connected. */
  expect() {
    this._hasBegun = true;
  }

  /** Take a report, or null where nothing is connected now; `sends` is what the other side says it sends. */
  take(report, sends) {
    this._hasBegun = this._hasBegun || report !== null;
    if (!this._hasBegun) return;
    const { received, reported } = sampled(report);
    for (const aspect of Object.values(ASPECTS)) {
      const now = received[aspect];
      this._hasCome[aspect] = this._hasCome[aspect] || Boolean(now);
      const said = sends ? sends[aspect] : this._hasCome[aspect];
      if (!said || said === "none") this._received[aspect].forget();
      else this._received[aspect].take(judged(this._before[aspect], now, { isStill: said === "screen" }));
      this._sent[aspect].take(carried(reported[aspect]));
    }
    this._before = received;
  }

  /** Forget the last sample: what comes after a pause is not compared with it. */
  pause() {
    this._before = {};
  }
}

/** A verdict that stays as it is until others have lasted. */
export class Verdict {
  constructor() {
    this.forget();
  }

  take(verdict) {
    if (verdict === null) return;
    this._recent = [...this._recent, RANKS.indexOf(verdict)].slice(-BETTER_TAKES);
    const rank = Math.max(RANKS.indexOf(this.shown), 0);
    const mildest = Math.min(...this._recent.slice(-WORSE_TAKES));
    const worst = Math.max(...this._recent);
    if (this._recent.length >= WORSE_TAKES && mildest > rank) this.shown = RANKS[mildest];
    else if (this._recent.length >= BETTER_TAKES && worst < rank) this.shown = RANKS[worst];
    else if (this.shown === null && verdict === "good") this.shown = verdict;
  }

  forget() {
    this.shown = null;
    this._recent = [];
  }
}

/**
 * Judge what came between two samples of one kind; null where they cannot be compared. A screen is a picture
 * that may be still: it sends a frame when something on it moves, and a browser counts the rest as frozen.
 */
export function judged(before, after, { isStill = false } = {}) {
  if (!after) return "lost";
  if (!before || before.id !== after.id) return null;
  const grown = (name) => (after[name] || 0) - (before[name] || 0);
  const seconds = (after.timestamp - before.timestamp) / 1000;
  if (seconds <= 0 || grown("packetsReceived") < 0) return null;
  const isPicture = after.kind === "video";
  if (!isStill && grown(isPicture ? "framesDecoded" : "packetsReceived") === 0) return "lost";
  const isLossy = grown("packetsLost") > MOST_LOST * (grown("packetsLost") + grown("packetsReceived"));
  const isPoor = isPicture ? !isStill && isJerky(grown, seconds) : isPatchy(grown, after.jitter);
  return isLossy || isPoor ? "weak" : "good";
}

function isJerky(grown, seconds) {
  return grown("framesDecoded") < FEWEST_FRAMES * seconds || grown("totalFreezesDuration") > MOST_FROZEN * seconds;
}

function isPatchy(grown, jitter) {
  const madeUp = grown("concealedSamples") - grown("silentConcealedSamples");
  return jitter > MOST_JITTER || madeUp > MOST_CONCEALED * grown("totalSamplesReceived");
}

/** Judge how the other side receives; null where it has not said. */
export function carried(reported) {
  if (!reported) return null;
  return reported.fractionLost > MOST_LOST || reported.roundTripTime > LONGEST_WAY ? "weak" : "good";
}

/** Judge one's own side by what all others report: it is weak only where none of them receives well. */
export function together(sides) {
  const entries = Object.values(ASPECTS).map((aspect) => {
    const ranks = sides.map((side) => RANKS.indexOf(side[aspect])).filter((rank) => rank >= 0);
    return [aspect, RANKS[Math.min(...ranks)]];
  });
  return Object.fromEntries(entries.filter(([, verdict]) => verdict));
}

/** Pick what is judged out of a report; of two streams of a kind, the one that came last is the present one. */
function sampled(report) {
  const [received, reported] = [{}, {}];
  for (const figures of report ? report.values() : []) {
    const aspect = ASPECTS[figures.kind];
    if (figures.type === "inbound-rtp" && !isOlder(figures, received[aspect])) received[aspect] = figures;
    if (figures.type === "remote-inbound-rtp") reported[aspect] = figures;
  }
  return { received, reported };
}

function isOlder(figures, other) {
  return Boolean(other) && (figures.lastPacketReceivedTimestamp || 0) < (other.lastPacketReceivedTimestamp || 0);
}

function shown(verdicts) {
  const entries = Object.entries(verdicts).map(([aspect, verdict]) => [aspect, verdict.shown]);
  return Object.fromEntries(entries.filter(([, verdict]) => verdict !== null));
}

/**
 * The texts that a device has read: each once, in the order in which they came, as many as a room keeps.
 *
 * What was read stays, also where the log has lost it since. A text is known by who wrote it and by the number
 * that it was said by first, which is the same however often it is said, by whatever peer and into whatever
 * log; where a hub tells none, by its words and its time.
 *
 * A log may be lost together with what it had acknowledged and not everybody had read. Whoever rejoins then says
 * again what they wrote a short while ago and the room does not know; who has read it reads it no second time.
 * But nothing that somebody would read who was not inside when it was written.
 */

/** As many as a hub gives back. */
const MOST_TEXTS = 100;
/** Seconds after which everybody has read a text, or has been away for so long that they have left. */
const SAID_AGAIN_FOR = 120;

/** Return what was read, and then what of `texts` was not. */
export function added(read, texts) {
  const known = new Set(read.map(named));
  return [...read, ...texts.filter((each) => !known.has(named(each)))].slice(-MOST_TEXTS);
}

/**
 * Return what was read, and then what the room has kept besides: nothing that is older than what is kept here,
 * for that was read, and let go.
 */
export function joined(read, kept) {
  const since = read.length < MOST_TEXTS ? -Infinity : Date.parse(read[0].at);
  return added(read, kept.filter(({ at }) => Date.parse(at) >= since));
}

/** Return what may have to be said again, with one more text of this device's own. */
export function withMine(mine, written, { roster, now }) {
  return [...mine, { written, heardAt: now, then: inside(roster) }].slice(-MOST_TEXTS);
}

/** Return what has to be said again in a room that this device has come into anew. */
export function lost(mine, { state, participants = [], texts = [] }, now) {
  if (state !== "admitted") return [];
  const known = new Set(texts.map(named));
  const here = inside(participants);
  const isLost = ({ written, heardAt, then }) =>
    written.id && !known.has(named(written)) && now - heardAt < SAID_AGAIN_FOR && here.every((who) => then.includes(who));
  return mine.filter(isLost).map(({ written: { text, id } }) => ({ v: 1, type: "text", text, again: id }));
}

/** Return who of a roster is inside, be they away for a moment. */
export function inside(roster) {
  const isInside = ({ state, admitted }) => state === "admitted" || (state === "away" && admitted);
  return [...roster].filter(isInside).map(({ participant }) => participant);
}

function named({ participant, id, text, at }) {
  return JSON.stringify(id ? [participant, id] : [participant, text, at]);
}

/**
 * The texts that a device has read: each once, in the order in which they came, as many as a room keeps.
 *
 * What was read stays, also where the log has lost it since. A text is known by who wrote it and by the number
 * that it was said by first, which is the same however often it is said, by whatever peer and into whatever
 * log; where a hub tells none, by its words and its time.
 */

/** As many as a hub gives back. */
const MOST_TEXTS = 100;

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

function named({ participant, id, text, at }) {
  return JSON.stringify(id ? [participant, id] : [participant, text, at]);
}

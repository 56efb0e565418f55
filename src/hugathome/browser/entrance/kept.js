/**
 * What this browser keeps of a visit: the pass, so that a reload or a dark screen costs nobody a new code.
 *
 * Where storage is refused (a private window, a frame) it is kept for as long as the page lives.
 */
const PREFIX = "hugathome:";
/** Milliseconds after which nothing is worth keeping: visits that nobody ended leave nothing behind for long. */
const LASTS = 3 * 24 * 3600 * 1000;

export class Kept {
  constructor(key) {
    this._key = PREFIX + key;
    this._value = this._load();
  }

  /** Return what is kept, an object; empty if nothing is. */
  get value() {
    return this._value;
  }

  /** Keep these entries beside the others. */
  keep(entries) {
    this._value = { ...this._value, ...entries };
    attempt(() => localStorage.setItem(this._key, JSON.stringify({ ...this._value, until: Date.now() + LASTS })));
  }

  /** Keep these entries, and no others, for as long as this window is open. */
  keepHere(entries) {
    this.forget();
    this._value = entries;
    attempt(() => sessionStorage.setItem(this._key, JSON.stringify(entries)));
  }

  /** Keep nothing any more. */
  forget() {
    this._value = {};
    attempt(() => localStorage.removeItem(this._key));
    attempt(() => sessionStorage.removeItem(this._key));
  }

  _load() {
    attempt(sweep);
    const here = attempt(() => JSON.parse(sessionStorage.getItem(this._key)));
    return here || attempt(() => JSON.parse(localStorage.getItem(this._key))) || {};
  }
}

/** Throw away what has lasted too long, of whichever visit. */
function sweep() {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(PREFIX)) continue;
    const { until = 0 } = attempt(() => JSON.parse(localStorage.getItem(key))) || {};
    if (until < Date.now()) localStorage.removeItem(key);
  }
}

/** Return what `work` does, or null where the browser refuses it. */
function attempt(work) {
  try {
    return work();
  } catch (refused) {
    return null;
  }
}

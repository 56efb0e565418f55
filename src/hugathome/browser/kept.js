/**
 * What this browser keeps of a visit: the pass, so that a reload or a dark screen costs nobody a new code.
 *
 * Where storage is refused (a private window, a frame) it is kept for as long as the page lives.
 */
const PREFIX = "hugathome:";

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
    try {
      localStorage.setItem(this._key, JSON.stringify(this._value));
    } catch (refused) {
      // `_value` has it
    }
  }

  /** Keep nothing any more. */
  forget() {
    this._value = {};
    try {
      localStorage.removeItem(this._key);
    } catch (refused) {
      // nothing was kept
    }
  }

  _load() {
    try {
      return JSON.parse(localStorage.getItem(this._key)) || {};
    } catch (refused) {
      return {};
    }
  }
}

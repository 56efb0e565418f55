/** The screen stays on while somebody waits or is in a visit, where the browser can see to it. */

export class Awake {
  constructor() {
    this._isWanted = false;
    this._lock = null;
  }

  /** Keep the screen on; asking again is harmless. */
  hold() {
    this._isWanted = true;
    return this._ask();
  }

  /** The browser lets go whenever the page is hidden: ask again once it is seen. */
  seen() {
    return this._isWanted ? this._ask() : undefined;
  }

  release() {
    this._isWanted = false;
    if (this._lock !== null) this._lock.release();
    this._lock = null;
  }

  async _ask() {
    if (!navigator.wakeLock || document.hidden || (this._lock !== null && !this._lock.released)) return;
    try {
      const lock = await navigator.wakeLock.request("screen");
      const isMissed = this._lock === null || this._lock.released;
      if (this._isWanted && isMissed) this._lock = lock;
      else lock.release();
    } catch (refused) {
      // a battery that runs low: the place in the waiting room stays all the same
    }
  }
}

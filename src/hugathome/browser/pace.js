/**
 * When the page shows what has changed: at once, but while two people are about to see each other, what they
 * wait for comes first.
 *
 * To show a visit takes a slow device longer than to describe a connection. So while one is being made, the
 * page is shown as soon as this side has described itself and only waits for the other; and else only so often.
 */

/** Milliseconds within which everything is shown, whatever else there is to do. */
export const AT_LATEST = 450;

export class Pace {
  constructor(show) {
    this._show = show;
    this._later = null;
    this._hasShown = false;
  }

  /** Something has changed, while a connection is being made or not, and this side has described itself or not. */
  changed({ isMeeting, isDescribed }) {
    if (!isMeeting) return this._now();
    if (isDescribed && !this._hasShown) return this._soon();
    return this._in(AT_LATEST);
  }

  /** Show nothing any more. */
  stop() {
    clearTimeout(this._later);
    this._later = null;
  }

  _now() {
    this.stop();
    this._hasShown = false;
    this._show();
  }

  /** What this side has to say goes out before. */
  _soon() {
    this.stop();
    this._hasShown = true;
    this._in(0);
  }

  _in(wait) {
    if (this._later !== null) return;
    this._later = setTimeout(() => {
      this._later = null;
      this._show();
    }, wait);
  }
}

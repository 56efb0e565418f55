/**
 * What this device sends into a visit: sound, and the camera or the screen. Whatever it switches it also says,
 * so that the others know why they see or hear nothing.
 */
export class Sending {
  /** `shown(stream, { isFront })` is given one's own picture whenever it changes. */
  constructor({ devices, visit, shown }) {
    this._devices = devices;
    this._visit = visit;
    this._shown = shown;
    this._screen = null;
    this._said = null;
  }

  /** What may be switched, and how it stands: null where there is nothing. */
  get state() {
    const isOn = (kind) => (this._devices.has(kind) ? this._devices.isOn(kind) : null);
    return { sound: isOn("audio"), picture: isOn("video"), isShared: this._screen !== null };
  }

  /** Say what is sent now, if it is not what was said last. */
  say() {
    const { sound, picture, isShared } = this.state;
    const command = { type: "sending", sound: sound === true, picture: isShared ? "screen" : picture ? "camera" : "none" };
    if (JSON.stringify(command) === JSON.stringify(this._said)) return;
    this._said = command;
    this._visit.say(command);
  }

  /** Switch sound ("audio") or picture ("video"). */
  toggle(kind) {
    this._devices.toggle(kind);
    this.say();
  }

  /** Take the next camera. */
  async flip() {
    this._visit.send("video", await this._devices.flip());
    this._show();
  }

  /** Show the screen instead of the camera, or the camera again. */
  async share() {
    if (this._screen !== null) return this.unshare();
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true }).catch(() => null);
    if (stream === null) return undefined; // the person thought better of it
    [this._screen] = stream.getVideoTracks();
    this._screen.contentHint = "detail";
    this._screen.onended = () => this.unshare();
    this._visit.send("video", this._screen);
    return this.say();
  }

  unshare() {
    if (this._screen === null) return;
    this._screen.onended = null;
    this._screen.stop();
    this._screen = null;
    this._visit.send("video", this._devices.track("video"));
    this.say();
  }

  /** Send what `kinds` names from now on; nothing of the rest stays open. */
  async follow(kinds) {
    this.unshare();
    this._devices.close();
    if (kinds.length > 0) await this._devices.open(kinds);
    for (const kind of ["audio", "video"]) this._visit.send(kind, this._devices.track(kind));
    this._show();
    this.say();
  }

  /** A device went away by itself. */
  lost(kind) {
    this._visit.send(kind, null);
    this.say();
  }

  stop() {
    if (this._screen !== null) this._screen.stop();
    this._screen = null;
  }

  _show() {
    this._shown(this._devices.stream, { isFront: this._devices.isFront });
  }
}

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
    this._turn = 0;
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

  /** Take the next camera; resolves to whether there is one. */
  async flip() {
    const track = await this._devices.flip().catch(() => null);
    this._send("video");
    this._show();
    this.say();
    return track !== null;
  }

  /** Show the screen instead of the camera, or the camera again. */
  async share() {
    if (this._screen !== null) return this.unshare();
    const turn = this._turn;
    const stream = await navigator.mediaDevices.getDisplayMedia({ video: true }).catch(() => null);
    if (stream === null) return undefined; // the person thought better of it
    const [screen] = stream.getVideoTracks();
    if (turn !== this._turn) return screen.stop(); // the visit went on without
    this._screen = screen;
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
    this._send("video");
    this.say();
  }

  /** Send what `kinds` names from now on; nothing of the rest stays open. */
  async follow(kinds) {
    this._turn += 1;
    this.unshare();
    this._devices.close();
    if (kinds.length > 0) await this._devices.open(kinds);
    this.all();
  }

  /** Send all that the devices give now. */
  all() {
    for (const kind of ["audio", "video"]) this._send(kind);
    this._show();
    this.say();
  }

  /** A device went away by itself: send what there is in its place; resolves to whether there is anything. */
  async lost(kind) {
    this._send(kind);
    this.say();
    const track = await this._devices.again(kind).catch(() => null);
    this._send(kind);
    this._show();
    this.say();
    return track !== null;
  }

  stop() {
    this._turn += 1;
    if (this._screen !== null) this._screen.stop();
    this._screen = null;
  }

  _send(kind) {
    if (kind === "audio" || this._screen === null) this._visit.send(kind, this._devices.track(kind));
  }

  _show() {
    this._shown(this._devices.stream, { isFront: this._devices.isFront });
  }
}

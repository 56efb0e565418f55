/** Camera and microphone: whatever the device has and the person allows, down to nothing at all. */

const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 }, facingMode: "user" };
const SOUND = { echoCancellation: true, noiseSuppression: true };

export class Devices {
  constructor() {
    this.stream = null;
    this._opening = null;
  }

  /** Ask for what `kinds` names; resolves to "all", "sound" or "none". Asking twice asks once. */
  open(kinds) {
    if (this._opening === null) this._opening = this._open(kinds);
    return this._opening;
  }

  get tracks() {
    return this.stream ? this.stream.getTracks() : [];
  }

  /** Whether a kind is there and on. */
  isOn(kind) {
    return this._of(kind).some((track) => track.enabled);
  }

  has(kind) {
    return this._of(kind).length > 0;
  }

  /** Switch a kind on or off; the connection stays as it is. */
  toggle(kind) {
    for (const track of this._of(kind)) track.enabled = !track.enabled;
  }

  close() {
    for (const track of this.tracks) track.stop();
    this.stream = null;
    this._opening = null;
  }

  async _open(kinds) {
    const wanted = kinds.includes("video") ? [{ audio: SOUND, video: PICTURE }, { audio: SOUND }] : [{ audio: SOUND }];
    for (const constraints of wanted) {
      try {
        this.stream = await navigator.mediaDevices.getUserMedia(constraints);
        return constraints === wanted[0] ? "all" : "sound";
      } catch (refused) {
        // the next one asks for less; a browser without mediaDevices ends up here, too
      }
    }
    return "none";
  }

  _of(kind) {
    return this.tracks.filter((track) => track.kind === kind);
  }
}

/**
 * Camera and microphone: whatever the device has and the person allows, down to nothing at all.
 *
 * Nothing here is shown or sent. What cannot be had is no error: `open` says what was found, and `why` names
 * what stood in the way: "refused", "absent", "busy" or "unsupported".
 */
const PICTURE = { width: { ideal: 640 }, height: { ideal: 480 } };
const SOUND = { echoCancellation: true, noiseSuppression: true };
const WHY = {
  AbortError: "busy",
  NotAllowedError: "refused",
  NotReadableError: "busy",
  SecurityError: "refused",
  TypeError: "unsupported",
};

/** What each modality needs of the devices. */
export const KINDS = { video: ["audio", "video"], audio: ["audio"], phone: [] };

export class Devices {
  /** `lost(kind)` is called when a device goes away by itself. */
  constructor({ lost = () => undefined } = {}) {
    this.stream = null;
    /** Why something is missing; null where nothing is. */
    this.why = null;
    this._lost = lost;
    this._chosen = {};
    this._off = new Set();
    this._facing = "user";
    this._opening = null;
    this._turn = 0;
  }

  /** Ask for what `kinds` names; resolves to "all", "sound", "picture" or "none". Asking twice asks once. */
  open(kinds) {
    if (this._opening === null) this._opening = this._open(kinds);
    return this._opening;
  }

  get tracks() {
    return this.stream ? this.stream.getTracks() : [];
  }

  /** Whether the camera looks at the person. */
  get isFront() {
    return this._facing === "user";
  }

  /** The devices in use, by kind as `listed` names them. */
  get chosen() {
    const used = this.tracks.map((track) => [`${track.kind}input`, track.getSettings().deviceId]);
    return { ...this._chosen, ...Object.fromEntries(used) };
  }

  /** Return the track of a kind, or null. */
  track(kind) {
    return this.tracks.find((track) => track.kind === kind) || null;
  }

  has(kind) {
    return this.track(kind) !== null;
  }

  /** Whether a kind is there and on. */
  isOn(kind) {
    return this.has(kind) && this.track(kind).enabled;
  }

  /** The kinds that the person has switched off: whatever is opened of them stays off until they say so. */
  get off() {
    return [...this._off];
  }

  set off(kinds) {
    this._off = new Set(kinds);
    for (const track of this.tracks) track.enabled = !this._off.has(track.kind);
  }

  /** Switch a kind on or off; the connection stays as it is. */
  toggle(kind) {
    if (this.has(kind)) this.off = this.isOn(kind) ? [...this.off, kind] : this.off.filter((each) => each !== kind);
  }

  /** Return what there is to choose from, by kind: `{ id, label }`. */
  async listed() {
    const found = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
    const byKind = {};
    for (const { kind, deviceId: id, label } of found) {
      if (id) byKind[kind] = [...(byKind[kind] || []), { id, label }];
    }
    return byKind;
  }

  /** Use another device of `kind` ("audioinput" or "videoinput") from now on; returns its track. */
  choose(kind, id) {
    return this._exchange(kind.replace("input", ""), { id, facing: this._facing });
  }

  /** Use the camera on the other side, or the next one; returns its track. */
  async flip() {
    const { videoinput = [] } = await this.listed();
    const { deviceId } = this.track("video").getSettings();
    const next = videoinput[(videoinput.findIndex(({ id }) => id === deviceId) + 1) % videoinput.length];
    const id = videoinput.length > 2 || !next ? undefined : next.id;
    return this._exchange("video", { id, facing: this.isFront ? "environment" : "user" });
  }

  /** Use whatever there is of `kind` after the one in use went away; returns its track. */
  again(kind) {
    this._chosen[`${kind}input`] = undefined;
    return this._replace(kind);
  }

  close() {
    this._turn += 1;
    for (const track of this.tracks) this._drop(track);
    this.stream = null;
    this._opening = null;
  }

  // --- Asking --------------------------------------------------------------------------------------

  async _open(kinds) {
    this.why = null;
    for (const wanted of attempts(kinds)) {
      try {
        this.stream = this._guarded(await this._ask(wanted));
        return foundIn(wanted);
      } catch (refused) {
        this.why = this.why || WHY[refused.name] || "absent";
      }
    }
    return "none";
  }

  /**
   * Resolve to a stream of `kinds`; where all was closed meanwhile, never, and what came too late is closed.
   * A browser without `mediaDevices` ends up with a TypeError.
   */
  async _ask(kinds) {
    const turn = this._turn;
    const stream = await this._get(kinds).catch((refused) => {
      if (turn === this._turn) throw refused;
      return null;
    });
    if (turn === this._turn) return stream;
    if (stream !== null) for (const track of stream.getTracks()) track.stop();
    return new Promise(() => undefined);
  }

  /** What was chosen is a wish and no condition: it may be unplugged by now. */
  async _get(kinds) {
    const { audioinput, videoinput } = this._chosen;
    const camera = videoinput ? { deviceId: videoinput } : { facingMode: this._facing };
    return navigator.mediaDevices.getUserMedia({
      audio: kinds.includes("audio") && { ...SOUND, ...(audioinput && { deviceId: audioinput }) },
      video: kinds.includes("video") && { ...PICTURE, ...camera },
    });
  }

  /** Use another device of a kind; where it cannot be had, the one before. */
  async _exchange(kind, { id, facing }) {
    const before = { id: this._chosen[`${kind}input`], facing: this._facing };
    const take = (one) => {
      this._chosen[`${kind}input`] = one.id;
      this._facing = one.facing;
      return this._replace(kind);
    };
    return take({ id, facing }).catch(() => take(before));
  }

  /** Many phones cannot open two cameras at once: the old one closes first. */
  async _replace(kind) {
    const old = this.track(kind);
    if (old) {
      this._drop(old);
      this.stream.removeTrack(old);
    }
    const [track] = this._guarded(await this._ask([kind])).getTracks();
    this.stream.addTrack(track);
    return track;
  }

  _guarded(stream) {
    for (const track of stream.getTracks()) {
      track.enabled = !this._off.has(track.kind);
      track.onended = () => {
        this.stream.removeTrack(track);
        this._lost(track.kind);
      };
    }
    return stream;
  }

  _drop(track) {
    track.onended = null;
    track.stop();
  }
}

/** Return what to ask for, most first: one device must not cost the other. */
function attempts(kinds) {
  return kinds.length > 1 ? [kinds, ["audio"], ["video"]] : [kinds];
}

function foundIn(kinds) {
  if (kinds.length > 1) return "all";
  return kinds[0] === "audio" ? "sound" : "picture";
}

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

  /** Switch a kind on or off; the connection stays as it is. */
  toggle(kind) {
    const track = this.track(kind);
    if (track) track.enabled = !track.enabled;
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
    this._chosen[kind] = id;
    return this._replace(kind.replace("input", ""));
  }

  /** Use the camera on the other side, or the next one; returns its track. */
  async flip() {
    const { videoinput = [] } = await this.listed();
    const { deviceId } = this.track("video").getSettings();
    const next = videoinput[(videoinput.findIndex(({ id }) => id === deviceId) + 1) % videoinput.length];
    this._facing = this.isFront ? "environment" : "user";
    this._chosen.videoinput = videoinput.length > 2 || !next ? undefined : next.id;
    return this._replace("video");
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
    const exact = (kind) => (this._chosen[kind] ? { deviceId: { exact: this._chosen[kind] } } : {});
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: kinds.includes("audio") && { ...SOUND, ...exact("audioinput") },
      video: kinds.includes("video") && { ...PICTURE, facingMode: this._facing, ...exact("videoinput") },
    });
    if (turn === this._turn) return stream;
    for (const track of stream.getTracks()) track.stop();
    return new Promise(() => undefined);
  }

  /** Many phones cannot open two cameras at once: the old one closes first. */
  async _replace(kind) {
    const old = this.track(kind);
    const isOn = this.isOn(kind);
    this._drop(old);
    this.stream.removeTrack(old);
    const [track] = this._guarded(await this._ask([kind])).getTracks();
    track.enabled = isOn;
    this.stream.addTrack(track);
    return track;
  }

  _guarded(stream) {
    for (const track of stream.getTracks()) {
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

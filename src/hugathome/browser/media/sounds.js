/**
 * Sound that the page makes or measures itself: the test of the loudspeaker, the ring, how loud one speaks.
 *
 * A browser lets a page be heard once somebody has used a control of it: `unlock` is called then.
 */
const TEST = [523, 659, 784];
const RING = [880, 660, 880, 660];
const RING_EVERY = 3000; // ms
const VIBRATION = [500, 250, 500, 250, 500];
const LOUDEST = 0.3; // of what a microphone can deliver: plain speech fills the bar

export class Sounds {
  constructor() {
    this._context = null;
    this._ringing = null;
    this._listening = null;
    this._level = null;
  }

  /** Be ready to be heard; to be called while a control is used. */
  unlock() {
    const Context = window.AudioContext || window.webkitAudioContext;
    if (this._context === null && Context) this._context = new Context();
    if (this._context !== null && this._context.state !== "running") this._context.resume().catch(() => undefined);
  }

  /** Go on where the browser made us pause; to be called while anything is used. */
  wake() {
    if (this._context !== null) this.unlock();
  }

  /** Be silent and deaf for good; browsers allow a page only so many of these. */
  close() {
    this.quiet();
    this.deafen();
    if (this._context !== null) this._context.close();
    this._context = null;
  }

  /** Play a few notes. */
  test() {
    this.unlock();
    this._play(TEST, 0.35);
  }

  /** Say softly that somebody has come. */
  chime() {
    this._play(TEST.slice(0, 2), 0.2);
  }

  /** Ring and vibrate until `quiet` is called. */
  ring() {
    this.quiet();
    const once = () => {
      this._play(RING, 0.2);
      if (navigator.vibrate) navigator.vibrate(VIBRATION);
    };
    once();
    this._ringing = setInterval(once, RING_EVERY);
  }

  quiet() {
    clearInterval(this._ringing);
    if (this._ringing !== null && navigator.vibrate) navigator.vibrate(0);
    this._ringing = null;
  }

  /** Play into this loudspeaker, where the browser can. */
  choose(id) {
    if (this._context !== null && this._context.setSinkId) this._context.setSinkId(id).catch(() => undefined);
  }

  /** Call `heard(loudness)`, 0 to 1, ten times a second until `deafen`. */
  listen(stream, heard) {
    this.deafen();
    this.unlock();
    if (this._context === null || stream.getAudioTracks().length === 0) return;
    const analyser = this._context.createAnalyser();
    this._level = this._context.createMediaStreamSource(stream);
    this._level.connect(analyser);
    const samples = new Uint8Array(analyser.fftSize);
    this._listening = setInterval(() => {
      analyser.getByteTimeDomainData(samples);
      heard(Math.max(...samples.map((sample) => Math.abs(sample - 128))) / 128 / LOUDEST);
    }, 100);
  }

  deafen() {
    clearInterval(this._listening);
    if (this._level !== null) this._level.disconnect();
    this._level = null;
  }

  _play(notes, length) {
    if (this._context === null) return;
    notes.forEach((pitch, index) => this._note(pitch, this._context.currentTime + index * length, length));
  }

  _note(pitch, from, length) {
    const tone = this._context.createOscillator();
    const loudness = this._context.createGain();
    tone.frequency.value = pitch;
    loudness.gain.setValueAtTime(0, from);
    loudness.gain.linearRampToValueAtTime(0.4, from + 0.03);
    loudness.gain.linearRampToValueAtTime(0, from + length);
    tone.connect(loudness).connect(this._context.destination);
    tone.start(from);
    tone.stop(from + length);
  }
}

/**
 * The visit as people see it: a tile for each other participant, one's own picture, the controls.
 *
 * It says what it is told about others' sound, picture and connection, and guesses nothing.
 */
import { write } from "./elements.js";
import { tile } from "./markup-inside.js";

const WORST = ["good", "weak", "lost"];
const TITLES = new Set(["Dr", "Dre", "Pr", "Pre", "Prof", "M", "Mme"]);

export class Stage {
  constructor(elements) {
    this._elements = elements;
  }

  /** Show everybody's picture, who they are and how well it comes; where there is nobody, the `reason`. */
  tiles({ streams, roster, quality, reason }) {
    const tiles = this._elements.one("[data-tiles]");
    for (const shown of [...tiles.children]) {
      if (!streams.has(shown.dataset.of)) gone(shown);
    }
    for (const [participant, stream] of streams) {
      const shown = this._tile(tiles, participant, stream);
      this._describe(shown, { seen: roster.get(participant) || {}, quality: quality.get(participant) });
    }
    tiles.dataset.count = streams.size;
    tiles.classList.toggle("has-screen", tiles.querySelector(".is-screen") !== null);
    this._elements.text("[data-alone]", streams.size > 0 ? null : reason);
  }

  /** Show nobody any more. */
  clear() {
    this.tiles({ streams: new Map(), roster: new Map(), quality: new Map(), reason: null });
    this.advise(null);
    this._elements.control("hear").hidden = true;
  }

  _tile(tiles, participant, stream) {
    let shown = [...tiles.children].find((each) => each.dataset.of === participant);
    if (!shown) {
      shown = tile();
      shown.dataset.of = participant;
      this._elements.speak(shown);
      const video = shown.firstElementChild;
      video.dataset.participant = participant;
      video.onplaying = () => shown.classList.add("is-playing");
      tiles.append(shown);
    }
    if (shown.firstElementChild.srcObject !== stream) this._play(shown, stream);
    return shown;
  }

  /** A page that was reloaded may be silent until it is touched: then the person is asked to. */
  _play(shown, stream) {
    const video = shown.firstElementChild;
    shown.classList.remove("is-playing");
    const { speaker } = this._elements;
    if (speaker && video.setSinkId) video.setSinkId(speaker).catch(() => undefined);
    video.srcObject = stream;
    this._start(video);
  }

  _start(video) {
    video.play().catch((refused) => {
      if (refused.name === "NotAllowedError") this._elements.control("hear").hidden = false;
    });
  }

  _describe(shown, { seen, quality }) {
    const { words } = this._elements;
    const { name = "", role = "", sends = null, state } = seen;
    write(shown.querySelector("[data-name]"), name);
    write(shown.querySelector("[data-role]"), words.roles[role] || role);
    write(shown.querySelector("[data-initials]"), initials(name));
    shown.firstElementChild.setAttribute("aria-label", name);
    shown.classList.toggle("is-screen", sends !== null && sends.picture === "screen");
    shown.querySelector("[data-muted]").hidden = sends === null || sends.sound;
    const veil = veilOf({ sends, state, stream: shown.firstElementChild.srcObject });
    shown.classList.toggle("is-away", veil === "away");
    shown.classList.toggle("is-dark", veil === "dark");
    write(shown.querySelector("[data-veil]"), words.veils[veil || "connecting"]);
    this._badge(shown, veil === "away" ? null : worst(quality, sends));
  }

  _badge(shown, judged) {
    const badge = shown.querySelector("[data-badge]");
    badge.hidden = !judged;
    badge.dataset.quality = judged || "";
    write(badge.querySelector("[data-badge-text]"), judged && this._elements.words.quality[judged]);
  }

  /** Say what would help: null, "weak" (less picture), "far" (a better place) or "lost" (the telephone). */
  advise(what) {
    this._elements.text("[data-quality-advice]", what && this._elements.words.qualityAdvice[what]);
  }

  /** Play what was silent. */
  hear() {
    this._elements.control("hear").hidden = true;
    for (const video of this._elements.all("[data-participant]")) this._start(video);
  }

  /** Show what the controls would do now; `null` where there is nothing to switch. */
  controls({ sound, picture, isShared, canFlip, canShare, canEnd, canText }) {
    const { words } = this._elements;
    this._switch("mute", sound, words.mute, words.unmute);
    this._switch("camera", picture, words.cameraOff, words.cameraOn);
    this._switch("screen", canShare ? !isShared : null, words.screenOn, words.screenOff);
    this._elements.control("flip").hidden = !canFlip || !picture || isShared;
    this._elements.control("text-panel").hidden = !canText;
    this._elements.toggle('[data-action="end"]', canEnd);
    this._elements.one(".self").classList.toggle("is-off", picture === false);
    const controls = this._elements.one("[data-controls]");
    controls.dataset.count = [...controls.children].filter(({ hidden }) => !hidden).length;
  }

  _switch(action, isOn, off, on) {
    const control = this._elements.control(action);
    control.hidden = isOn === null;
    control.classList.toggle("is-off", isOn === false);
    write(control.querySelector("[data-label]"), isOn ? off : on);
  }
}

/** Take a tile away, and let the browser forget its picture. */
function gone(shown) {
  shown.firstElementChild.srcObject = null;
  shown.remove();
}

/** Return what hides a picture: "away", "dark" (they send none), or null while there is one to be seen. */
function veilOf({ sends, state, stream }) {
  if (state === "away") return "away";
  const hasNone = sends === null ? stream.getVideoTracks().length === 0 : sends.picture === "none";
  return hasNone ? "dark" : null;
}

/** Judge a connection by its worst part; what is not sent cannot be bad. */
function worst(quality, sends) {
  if (!quality) return null;
  const parts = [
    sends !== null && !sends.sound ? null : quality.sound,
    sends !== null && sends.picture === "none" ? null : quality.picture,
  ].filter(Boolean);
  return parts.length > 0 ? WORST[Math.max(...parts.map((part) => WORST.indexOf(part)))] : null;
}

function initials(name) {
  const parts = name.split(/\s+/).filter((part) => /^\p{L}/u.test(part) && !part.endsWith(".") && !TITLES.has(part));
  return parts.map((part) => part[0].toUpperCase()).slice(-2).join("");
}

/** The way in as people see it: the code, the check of the devices, the waiting room. It decides nothing. */
import { fill } from "./elements.js";

const CHOICES = { audioinput: "choose-microphone", videoinput: "choose-camera", audiooutput: "choose-speaker" };
const DEVICES_PREVIEW = '[data-view="devices"] [data-preview]';

export class Entrance {
  constructor(elements) {
    this._elements = elements;
    this._cooling = null;
    this._waitsSince = null;
  }

  // --- The code ------------------------------------------------------------------------------------

  get typed() {
    return this._elements.one("[name=code]").value;
  }

  set typed(code) {
    this._elements.one("[name=code]").value = code;
  }

  /** Show the appointment: with the form for the code, or with why there is none. */
  code({ startsDay, startsClock, opens, status, modality, codeSent, channels }) {
    const { words } = this._elements;
    this._channels = channels;
    const isOpen = status === "open" && modality !== "phone";
    const reason = modality === "phone" ? words.byPhone : fill(words.early, { opens });
    this._elements.text("[data-code-title]", modality === "phone" ? words.byPhoneTitle : words.title);
    this._elements.text("[data-starts-day]", startsDay);
    this._elements.text("[data-starts-clock]", startsClock);
    this._elements.text("[data-early]", isOpen ? null : reason);
    this._elements.toggle("[data-code-form]", isOpen);
    if (!isOpen) this._elements.toggle('[data-view="code"] [data-step]', false);
    this.typed = "";
    this._offer(codeSent);
    this._elements.text("[data-code-said]", null);
  }

  /** The code is on its way: let the person type. */
  codeIsComing(channel = this._channels[0]) {
    const { words } = this._elements;
    this._offer(true);
    this._elements.text("[data-code-said]", words.codeSent[channel] || words.codeText);
    this._elements.one("[name=code]").focus();
  }

  /** No code helps any more. */
  block() {
    this._elements.toggle("[data-code-form]", false);
    this._elements.one('[data-view="code"] h1').focus();
  }

  /** Offer another code only after so many seconds, and count them down. */
  coolDown(seconds) {
    this._offer(true, seconds);
    if (seconds > 0) this._cooling = setTimeout(() => this.coolDown(seconds - 1), 1000);
  }

  _offer(isSent, seconds = 0) {
    clearTimeout(this._cooling);
    const { callCode, sendAgain, sendCode } = this._elements.words;
    const [first, second] = this._channels;
    const button = this._elements.control("send-code");
    const label = first === "voice" ? callCode : isSent ? sendAgain : sendCode;
    button.disabled = seconds > 0;
    button.textContent = seconds > 0 ? `${label} (${seconds} s)` : label;
    button.classList.toggle("primary", !isSent);
    this._elements.toggle('[data-action="call-with-code"]', isSent && second === "voice" && !seconds);
    this._elements.control("check-in").classList.toggle("primary", isSent);
  }

  // --- The devices ---------------------------------------------------------------------------------

  /** Ask the person to let us use what the visit needs. */
  askForDevices(modality) {
    const { words } = this._elements;
    this._elements.text("[data-devices-title]", words.devicesTitles[modality]);
    this._elements.text("[data-devices-text]", words.devicesAsk[modality]);
    this._elements.text("[data-sound-text]", words.soundAsk);
    this._elements.toggle("[data-devices-how], [data-choices]", false);
    this._elements.toggle(DEVICES_PREVIEW, modality === "video"); // the place that they will take
    this._elements.toggle("[data-level-row]", modality !== "phone");
    this._elements.text("[data-level-text]", null);
    this._elements.toggle("[data-sound-row]", modality !== "phone");
    this._elements.text('[data-view="devices"] [data-action="join"]', words.join.all);
  }

  /** Say what was found ("all", "sound", "picture", "none"), and if something is missing `why` and what helps. */
  devices({ found, why, modality }) {
    const { words } = this._elements;
    const isComplete = found === "all" || (found === "sound" && modality === "audio");
    this._elements.text("[data-devices-text]", isComplete ? words.devicesReady[modality] : words.devicesFound[found]);
    this._elements.text("[data-devices-how-text]", isComplete ? null : words.devicesHow[why]);
    this._elements.toggle("[data-devices-how]", !isComplete);
    this._elements.toggle('[data-action="copy-link"]', why === "unsupported");
    this._elements.text("[data-level-text]", words.levelAsk);
    this._elements.toggle(DEVICES_PREVIEW, found === "all" || found === "picture");
    this._elements.toggle("[data-level-row]", found === "all" || found === "sound");
    this._elements.text('[data-view="devices"] [data-action="join"]', words.join[isComplete ? "all" : found]);
  }

  /** Show how loud the person is, from 0 to 1; once they were heard, say so. */
  level(loudness) {
    this._elements.one("[data-level]").style.transform = `scaleX(${Math.min(loudness, 1)})`;
    if (loudness > 0.15) this._elements.text("[data-level-text]", this._elements.words.levelHeard);
  }

  soundIsTested() {
    this._elements.text("[data-sound-text]", this._elements.words.soundHeard);
  }

  linkIsCopied() {
    this._elements.text("[data-devices-how-text]", this._elements.words.linkCopied);
  }

  /** Show the link for the person to copy by hand. */
  linkIs(address) {
    const input = this._elements.one("[data-page-link]");
    input.setAttribute("aria-label", this._elements.words.linkLabel);
    input.value = address;
    input.hidden = false;
    input.select();
  }

  /** Offer a choice wherever there is more than one of a kind. */
  choices(listed, chosen) {
    for (const [kind, action] of Object.entries(CHOICES)) {
      const select = this._elements.control(action);
      const options = listed[kind] || [];
      select.textContent = "";
      select.append(...options.map(({ id, label }, index) => new Option(label || `${index + 1}`, id)));
      if (chosen[kind]) select.value = chosen[kind];
      select.parentElement.hidden = options.length < 2;
    }
    const kinds = Object.keys(CHOICES).filter((kind) => (listed[kind] || []).length > 1);
    this._elements.toggle("[data-choices]", kinds.length > 0);
  }

  /** Show the person their own picture. */
  mirror(stream, { isFront = true } = {}) {
    const hasPicture = stream !== null && stream.getVideoTracks().length > 0;
    for (const video of this._elements.all("[data-self]")) {
      const shown = video.closest("[data-preview]") || video;
      shown.hidden = !hasPicture;
      video.classList.toggle("mirrored", isFront);
      if (video.srcObject !== stream) video.srcObject = stream;
    }
  }

  // --- The waiting room ----------------------------------------------------------------------------

  waiting({ hostIsPresent, modality }) {
    const { words } = this._elements;
    this._waitsSince = this._waitsSince || new Date();
    const by = modality === "phone" ? words.callingNow : hostIsPresent ? words.waitingHere : words.waiting;
    this._elements.text("[data-waiting-text]", by);
    const since = { time: this._elements.time(this._waitsSince) };
    this._elements.text("[data-waiting-since]", fill(words.waitingSince, since));
  }
}

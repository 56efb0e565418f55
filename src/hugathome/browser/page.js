/**
 * The page as people see it: its states, words, pictures and lists. It shows what it is told and says which
 * control was used; it asks nobody and decides nothing.
 *
 * Hooks for tests: `data-state` on the root, `data-action` on every control, `data-participant` on the video
 * of each other participant, `data-link` for how the connection stands.
 */
import { views } from "./markup.js";
import { wordsOf } from "./words.js";

export class Page {
  /**
   * Live in `root`: the body of our own page, or a container in somebody else's. The views go into its
   * `[data-views]` if it has one. `introduced({ title, language })` is called once it is known whose page
   * this is.
   */
  constructor(root, { introduced = () => undefined } = {}) {
    this._root = root;
    this._introduced = introduced;
    this._announce = () => undefined;
    (root.querySelector("[data-views]") || root).append(views());
    this.speak(root.closest("[lang]") ? root.closest("[lang]").lang : "");
    root.dataset.state = "loading";
    root.dataset.link = "live";
  }

  get state() {
    return this._root.dataset.state;
  }

  get typed() {
    return this._one("[name=code]").value;
  }

  get outcome() {
    return this._one("[data-outcome]").value;
  }

  /** Call `controls[action](element)` whenever a control is used, and `announce` when a state is shown. */
  listen(controls, announce) {
    this._announce = announce;
    this._root.addEventListener("click", (event) => {
      const control = event.target.closest("[data-action]");
      if (control && control.type !== "submit" && controls[control.dataset.action]) {
        controls[control.dataset.action](control);
      }
    });
    this._one("[data-ending]").addEventListener("keydown", ({ key }) => key === "Escape" && controls["keep-on"]());
    this._one("[data-code-form]").addEventListener("submit", (event) => {
      event.preventDefault();
      controls["check-in"]();
    });
  }

  /** Show one state, and put a screen reader at its head. */
  show(state) {
    if (this.state === state) return;
    this._root.dataset.state = state;
    for (const view of this._all("[data-view]")) view.hidden = view.dataset.view !== state;
    this.notice(null);
    this._toggle("[data-ringing]", false);
    const heading = this._root.querySelector(`[data-view="${state}"] h1`);
    if (heading) heading.focus();
    this._announce("state", { state });
  }

  // --- Words ---------------------------------------------------------------------------------------

  speak(language) {
    this.words = wordsOf(language);
    this._root.lang = language;
    for (const element of this._all("[data-word]")) element.textContent = this.words[element.dataset.word];
    const outcomes = this._one("[data-outcome]");
    outcomes.textContent = "";
    outcomes.append(
      ...Object.entries(this.words.outcomes).map(([value, text]) => new Option(text, value)),
    );
  }

  /** Say whose page this is, in the person's language. */
  introduce({ language, brand, helpPhone, privacyUrl, entry }) {
    this.speak(language);
    this._introduced({ title: `${this.words.title} – ${brand}`, language });
    this._text("[data-brand]", brand);
    this._text("[data-help-phone]", helpPhone);
    this._link("[data-help]", helpPhone && `tel:${helpPhone.replace(/ /g, "")}`);
    this._link("[data-privacy]", privacyUrl);
    this._link("[data-back]", entry || this._root.dataset.entry);
  }

  /** Say something about a refusal above whatever is shown; null takes it away. */
  notice(kind) {
    this._text("[data-notice]", kind && this._problem(kind));
  }

  _problem(kind) {
    return this.words.problems[kind] || this.words.problems.unknown;
  }

  // --- On the way in -------------------------------------------------------------------------------

  /** Show the appointment: with the form for the code, or with why there is none. */
  code({ starts, opens, status, modality, codeSent }) {
    this._text("[data-starts]", starts);
    const isOpen = status === "open" && modality !== "phone";
    const reason = modality === "phone" ? this.words.byPhone : this.words.early.replace("{opens}", opens);
    this._text("[data-early]", isOpen ? null : reason);
    this._toggle("[data-code-form]", isOpen);
    this.codeIsSent(codeSent);
    this.show("code");
  }

  codeIsSent(isSent) {
    const button = this._control("send-code");
    button.textContent = isSent ? this.words.sendAgain : this.words.sendCode;
    button.classList.toggle("primary", !isSent);
  }

  /** The code is on its way: let the person type. */
  codeIsComing() {
    this.codeIsSent(true);
    this._text("[data-notice]", this.words.codeSent);
    this._one("[name=code]").focus();
  }

  /** Say what was found: null while the person is asked, else "all", "sound" or "none". */
  devices(found) {
    const words = { all: this.words.devicesAll, sound: this.words.devicesSound, none: this.words.devicesNone };
    this._text("[data-devices-text]", found === null ? this.words.devicesAsk : words[found]);
  }

  /** Show the person their own picture. */
  mirror(stream) {
    const hasPicture = stream !== null && stream.getVideoTracks().length > 0;
    for (const video of this._all("[data-self]")) {
      video.hidden = !hasPicture;
      if (video.srcObject !== stream) video.srcObject = stream;
    }
  }

  waiting({ hostIsPresent }) {
    this._text("[data-waiting-text]", hostIsPresent ? this.words.waitingHere : this.words.waiting);
    this.show("waiting");
  }

  // --- In the visit --------------------------------------------------------------------------------

  /** Show everybody's picture: `streams` by participant, names from `roster`. */
  tiles(streams, roster) {
    const tiles = this._one("[data-tiles]");
    for (const video of tiles.querySelectorAll("video")) {
      if (!streams.has(video.dataset.participant)) video.parentElement.remove();
    }
    for (const [participant, stream] of streams) {
      const seen = roster.get(participant);
      const video = this._tile(tiles, participant, stream);
      video.nextElementSibling.textContent = (seen && seen.name) || "";
      video.setAttribute("aria-label", video.nextElementSibling.textContent);
    }
    this._toggle("[data-alone]", streams.size === 0);
  }

  _tile(tiles, participant, stream) {
    let video = [...tiles.querySelectorAll("video")].find((each) => each.dataset.participant === participant);
    if (!video) {
      video = Object.assign(document.createElement("video"), { autoplay: true, playsInline: true });
      video.dataset.participant = participant;
      const tile = document.createElement("div");
      tile.className = "tile";
      tile.append(video, document.createElement("span"));
      tiles.append(tile);
    }
    if (video.srcObject !== stream) this._play(video, stream);
    return video;
  }

  /** A page that was reloaded may be silent until it is touched: then the person is asked to. */
  _play(video, stream) {
    video.srcObject = stream;
    video.play().catch((refused) => {
      if (refused.name === "NotAllowedError") this._control("hear").hidden = false;
    });
  }

  /** Play what was silent. */
  hear() {
    this._control("hear").hidden = true;
    for (const video of this._all("[data-participant]")) video.play();
  }

  /** Show who is there, to those who let people in. */
  people(roster, { canAdmit, me }) {
    this._toggle("[data-people-panel]", canAdmit);
    if (!canAdmit) return;
    const list = this._one("[data-people]");
    const others = [...roster.values()].filter((each) => each.participant !== me);
    const known = new Map([...list.children].map((item) => [item.dataset.person, item]));
    list.append(...others.filter((each) => !known.has(each.participant)).map((each) => this._person(each)));
    for (const item of [...list.children]) this._describe(item, roster.get(item.dataset.person));
  }

  _person({ participant }) {
    const item = document.createElement("li");
    item.dataset.person = participant;
    item.innerHTML = '<span class="who"><b></b><span class="how"></span></span>';
    const admit = Object.assign(document.createElement("button"), { type: "button", className: "primary" });
    admit.dataset.action = "admit";
    admit.textContent = this.words.admit;
    item.append(admit);
    return item;
  }

  _describe(item, seen) {
    if (!seen) return item.remove();
    const { roles, states } = this.words;
    item.querySelector("b").textContent = seen.name || "";
    item.querySelector(".how").textContent = `${roles[seen.role] || seen.role}, ${states[seen.state] || seen.state}`;
    item.querySelector("button").hidden = seen.state !== "arrived";
    return undefined;
  }

  /** Show what the controls would do now; `null` where there is nothing to switch. */
  controls({ sound, picture, canEnd }) {
    this._switch("mute", sound, this.words.mute, this.words.unmute);
    this._switch("camera", picture, this.words.cameraOff, this.words.cameraOn);
    this._control("end").hidden = !canEnd;
  }

  _switch(action, isOn, off, on) {
    const control = this._control(action);
    control.hidden = isOn === null;
    control.textContent = isOn ? off : on;
    control.setAttribute("aria-pressed", String(isOn === false));
  }

  /** Open or close the one confirmation. */
  confirmEnd(isAsked) {
    this._toggle("[data-ending]", isAsked);
    (isAsked ? this._control("confirm-end") : this._control("end")).focus();
  }

  ring() {
    this._toggle("[data-ringing]", true);
  }

  answered() {
    this._toggle("[data-ringing]", false);
  }

  /** Say how the connection to the host stands: "live" or "reconnecting". */
  link(how) {
    if (this._root.dataset.link === how) return;
    this._root.dataset.link = how;
    this._announce("link", { link: how });
    this._toggle("[data-reconnecting]", how === "reconnecting");
  }

  // --- The end -------------------------------------------------------------------------------------

  /** It is over: "ended" for all, or this person has "left". */
  ended(how) {
    const hasLeft = how === "left";
    this._text("[data-ended-title]", hasLeft ? this.words.leftTitle : this.words.endedTitle);
    this._text("[data-ended-text]", hasLeft ? this.words.leftText : this.words.endedText);
    this._root.querySelector('[data-view="ended"] [data-action="join"]').hidden = !hasLeft;
    this._control("forget").hidden = !hasLeft;
    this.link("live");
    this.show("ended");
  }

  /** It cannot go on: why, and whether trying again may help. */
  error(kind, { canTryAgain }) {
    this._text("[data-error-text]", this._problem(kind));
    this._control("again").hidden = !canTryAgain;
    this.link("live");
    this.show("error");
  }

  // --- Elements ------------------------------------------------------------------------------------

  _one(selector) {
    return this._root.querySelector(selector);
  }

  _all(selector) {
    return this._root.querySelectorAll(selector);
  }

  _control(action) {
    return this._one(`[data-action="${action}"]`);
  }

  _toggle(selector, isShown) {
    this._one(selector).hidden = !isShown;
  }

  _text(selector, text) {
    for (const element of this._all(selector)) {
      element.textContent = text || "";
      element.hidden = !text;
    }
  }

  _link(selector, href) {
    for (const element of this._all(selector)) {
      element.hidden = !href;
      if (href) element.href = href;
    }
  }
}

/**
 * The page as people see it: its states, words and parts. It shows what it is told and says which control was
 * used; it asks nobody and decides nothing. Its parts that only a visit needs come late.
 *
 * Hooks for tests: `data-state` on the root, `data-link` beside it for how the connection stands,
 * `data-action` on every control, `data-participant` on the video of each other participant, `data-person` on
 * each entry of the clinician's list.
 */
import { Elements, fill } from "./elements.js";
import { Entrance } from "./entrance.js";
import { helpline, views } from "./markup.js";
import { deskWordsOf, languageOf, wordsOf } from "../words/languages.js";

const WIDE = 54; // em: there is room for the people and the messages beside the picture
const TIGHT = 14; // em: large letters on a small phone

export class Page {
  /**
   * Live in `root`: the body of our own page, or a container in somebody else's. The views go into its
   * `[data-views]` if it has one. `introduced({ title, language, isLarge })` is called once it is known whose
   * page this is; only who owns the document can make everything in it larger.
   */
  constructor(root, { introduced = () => undefined } = {}) {
    this._root = root;
    this._introduced = introduced;
    this._announce = () => undefined;
    (root.querySelector("[data-views]") || root).append(views());
    if (!root.querySelector("[data-help]")) root.append(helpline());
    this._elements = new Elements(root);
    this.entrance = new Entrance(this._elements);
    /** The parts that come late, each null before it has. */
    Object.assign(this, { stage: null, talk: null, people: null, ending: null });
    /** Resolved once the page can say something. */
    this.ready = this._speak(root.lang || document.documentElement.lang);
    root.dataset.state = "loading";
    root.dataset.link = "live";
    const shell = this._elements.one("[data-help-phone]");
    this._canBeCalled(shell && shell.textContent);
    this._watchSize();
  }

  get state() {
    return this._root.dataset.state;
  }

  get words() {
    return this._elements.words;
  }

  // --- Controls ------------------------------------------------------------------------------------

  /** Call `controls[action](element)` whenever a control is used, and `announce` when a state is shown. */
  listen(controls, announce) {
    this._announce = announce;
    const use = (control) => controls[control.dataset.action] && controls[control.dataset.action](control);
    this._root.addEventListener("click", (event) => {
      const control = event.target.closest("[data-action]");
      if (control && control.type !== "submit" && control.tagName !== "SELECT") this._use(control, use);
    });
    this._root.addEventListener("change", ({ target }) => target.dataset.action && use(target));
    this._root.addEventListener("submit", (event) => {
      event.preventDefault();
      use(event.target.querySelector("[type=submit]"));
    });
    this._root.addEventListener("keydown", (event) => this._typed(event, controls["send-text"]));
  }

  /** A menu closes once something in it was chosen. */
  _use(control, use) {
    use(control);
    const menu = control.closest("details");
    if (menu && control.tagName !== "SUMMARY") menu.open = false;
  }

  _typed(event, send) {
    const isWritten = event.target.matches("[data-text]") && event.key === "Enter";
    if (!isWritten || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  }

  // --- Parts that come late ------------------------------------------------------------------------

  /** Take in parts: `place(elements)` adds what belongs to them and returns them by name. */
  furnish(place) {
    Object.assign(this, place(this._elements));
    for (const view of this._elements.all("[data-view]")) this._sizes.observe(view);
    this._sayAll();
  }

  /** Take in what those see who let people in, with its own words. */
  async furnishDesk(place) {
    const words = await deskWordsOf(this._root.lang);
    this._elements.words = { ...this._elements.words, ...words };
    if (this.people === null) this.furnish(place);
  }

  /** Play the others into this loudspeaker, where the browser can. */
  playInto(id) {
    this._elements.speaker = id;
  }

  // --- States --------------------------------------------------------------------------------------

  /** Show one state, and put a screen reader at its head. */
  show(state) {
    if (this.state === state) return;
    this._root.dataset.state = state;
    for (const view of this._elements.all("[data-view]")) view.hidden = view.dataset.view !== state;
    this.notice(null);
    this.aid(null);
    if (this.ending) this.ending.ask(false);
    if (this._heading) this._heading.focus();
    this._announce("state", { state });
  }

  get _heading() {
    return this._elements.one(`[data-view="${this.state}"] h1`);
  }

  code(appointment) {
    this.entrance.code(appointment);
    this.show("code");
  }

  waiting(how) {
    this.entrance.waiting(how);
    this.show("waiting");
  }

  /** Keep nobody's picture, name or words once nobody is there any more. */
  clear() {
    for (const part of [this.stage, this.talk, this.people]) if (part) part.clear();
  }

  /** It is over: "ended" for all, or this person has "left". */
  ended(how) {
    const { words } = this;
    const hasLeft = how === "left";
    this._elements.text("[data-ended-title]", hasLeft ? words.leftTitle : words.endedTitle);
    this._elements.text("[data-ended-text]", hasLeft ? words.leftText : words.endedText);
    this._elements.toggle('[data-view="ended"] [data-action="join"], [data-action="forget"]', hasLeft);
    this.link("live");
    this.show("ended");
  }

  /** It cannot go on: why, and whether trying again may help. */
  error(kind, { canTryAgain }) {
    this._elements.text("[data-error-text]", this._problem(kind));
    this._elements.toggle('[data-action="again"]', canTryAgain);
    this.link("live");
    this.show("error");
  }

  // --- Words ---------------------------------------------------------------------------------------

  async _speak(language, isEasy) {
    const words = await wordsOf(language, isEasy);
    this._elements.words = this.people ? { ...words, ...(await deskWordsOf(language)) } : words;
    this._root.lang = languageOf(language);
    this._sayAll();
    for (const step of this._elements.all("[data-step]")) step.textContent = fill(words.step, step.dataset);
  }

  _sayAll() {
    this._elements.speak();
    for (const part of [this.people, this.ending]) if (part) part.speak();
  }

  /** Say whose page this is, as the person reads it best; a patient's is told at which step they are. */
  async introduce({ language, timezone, brand, helpPhone, privacyUrl, entry, adjustments = [] }, { isPatient }) {
    await this.ready;
    await this._speak(language, adjustments.includes("easy-language"));
    this._elements.timeZone = timezone;
    const isLarge = adjustments.includes("large-text");
    this._introduced({ title: `${this.words.title} – ${brand}`, language: this._root.lang, isLarge });
    this._elements.text("[data-brand]", brand);
    this._canBeCalled(helpPhone);
    this._elements.link("[data-privacy]", privacyUrl);
    this._elements.link("[data-back]", entry || this._root.dataset.entry);
    this._elements.toggle("[data-step]", isPatient);
  }

  /** Say something about a refusal above whatever is shown; null takes it away. */
  notice(kind) {
    this._elements.text("[data-notice]", kind && this._problem(kind));
  }

  /** Say something to a screen reader only. */
  say(text) {
    this._elements.one("[data-said]").textContent = text;
  }

  _problem(kind) {
    return this.words.problems[kind] || this.words.problems.unknown;
  }

  // --- Ways on -------------------------------------------------------------------------------------

  /** Say whom to call, wherever it is said. */
  _canBeCalled(helpPhone) {
    this._elements.text("[data-help-phone], [data-help-number]", helpPhone);
    this._elements.link("[data-help], [data-help-call]", helpPhone && `tel:${helpPhone.replace(/ /g, "")}`);
  }

  /** Offer the telephone: ours to call, and where `canCallBack` theirs to be called; null offers nothing. */
  aid(how) {
    const isOffered = how !== null && (how.canCallBack || !this._elements.one("[data-help-call]").hidden);
    this._elements.toggle("[data-aid]", isOffered);
    this._elements.text("[data-called-back]", null);
    this._elements.toggle('[data-action="call-me-back"]', how !== null && how.canCallBack);
  }

  isCalledBack() {
    this._elements.toggle('[data-action="call-me-back"]', false);
    this._elements.text("[data-called-back]", this.words.calledBack);
  }

  /** The clinician calls; `false` once that is over. */
  ring(isRinging) {
    const answer = this._elements.control("answer");
    const hadFocus = this._elements.focused === answer;
    this._elements.toggle("[data-ringing]", isRinging);
    if (isRinging) answer.focus();
    else if (hadFocus) this._heading.focus();
  }

  /** Say how the connection to the host stands: "live", "reconnecting" or "lost". */
  link(how) {
    if (this._root.dataset.link === how) return;
    this._root.dataset.link = how;
    this._announce("link", { link: how });
    this._elements.toggle("[data-reconnecting]", how !== "live");
    this._elements.text("[data-link-text]", this.words.links[how]);
    this._elements.toggle('[data-action="retry"]', how === "lost");
  }

  // --- In the visit --------------------------------------------------------------------------------

  /** Open or close the list of people, where there is no room for it beside the picture. */
  togglePeople() {
    const isClosed = this._root.classList.toggle("hides-people");
    this._elements.control("people-panel").setAttribute("aria-expanded", String(!isClosed));
  }

  /** Make room for what stands beside the picture. */
  arrange({ hasPeople, modality }) {
    this._root.dataset.modality = modality;
    this._elements.toggle("[data-side]", hasPeople || this.talk.isOpen);
    this._root.classList.toggle("is-talking", this.talk.isOpen);
    this._elements.toggle('[data-action="people-panel"]', hasPeople);
  }

  _watchSize() {
    this._sizes = new ResizeObserver(() => {
      const em = parseFloat(getComputedStyle(this._root).fontSize);
      this._root.dataset.size = this._root.clientWidth / em >= WIDE ? "wide" : "narrow";
      this._root.classList.toggle("is-tight", this._root.clientWidth / em < TIGHT);
    });
    this._sizes.observe(this._root);
    for (const view of this._elements.all("[data-view]")) this._sizes.observe(view);
  }
}

/**
 * One stay in a visit, from joining to leaving: keeps the page in step with the room, follows the modality,
 * rings, and carries out what the controls of the visit ask.
 */
import { appOf } from "../protocol/commands.js";
import { KINDS } from "../media/devices.js";
import { PICTURE_FIRST } from "../media/endpoint.js";
import { Awake } from "./awake.js";
import { Sending } from "./sending.js";
import { Visit } from "./visit.js";

const RINGS_FOR = 60; // seconds

export class Attendance {
  /**
   * `closed(end)` is called when the hub has closed for good, `failed(problem)` once no grant can be had;
   * `freshGrant()` trades the pass; `needsTexts()` says whether somebody reads and writes from the beginning.
   * A clinician's desk, which `loadDesk()` resolves to once the page has its part, is given the `pass()`, and an
   * `attempt(work)` that says refusals; `use(controls)` adds its controls to the page's.
   */
  constructor({ page, devices, sounds, modality, freshGrant, needsTexts, loadDesk, pass, attempt, use, announce, closed, failed }) {
    Object.assign(this, { _page: page, _devices: devices, _sounds: sounds, _announce: announce, _closed: closed });
    Object.assign(this, { _needsTexts: needsTexts, _loadDesk: loadDesk, _pass: pass, _attempt: attempt, _use: use });
    this._desk = "closed";
    this._modality = modality;
    this._saidAs = null;
    this._introduction = null;
    this._awaited = new Set();
    this._canFlip = false;
    this._ringing = null;
    this._isOver = false;
    this._awake = new Awake();
    this._pace = new Pace(() => this.show());
    this._visit = new Visit({
      tracks: devices.tracks,
      freshGrant,
      changed: () => this._isOver || this._changed(),
      rang: () => this._ring(),
      texted: (text) => this._texted(text),
      published: ({ topic, data, participant }) => this._announce("app", { topic, data, participant }),
      refused: (problem) => failed(problem),
      disallowed: (code, of) => this._disallowed(code, of),
    });
    const shown = (stream, how) => page.entrance.mirror(stream, how);
    this._sending = new Sending({ devices, visit: this._visit, shown });
  }

  get client() {
    return this._visit.client;
  }

  /** Come in; `found` says what the devices were found to be, null that they were not opened yet. */
  start(found) {
    if (found !== null) this._sayFound(found);
    this._page.waiting({ hostIsPresent: false, modality: this._modality });
    this._visit.start();
    this._lookForCameras();
    this._awake.hold();
    this._announce("joined", {});
  }

  /** The devices were opened after all. */
  equipped(found) {
    this._sayFound(found);
    this._sending.all();
  }

  _sayFound(found) {
    const step = found === "none" ? "devices-refused" : "devices-allowed";
    if (this._modality !== "phone") this.say({ type: "step", step });
  }

  say(command) {
    this._page.notice(null);
    this._visit.say(command);
  }

  /** The page is seen again, or no longer: note it, if anybody hears it now. */
  seen() {
    this._awake.seen();
    if (!document.hidden) this.hint();
    const step = document.hidden ? "screen-off" : "screen-on";
    if (this.client.phase === "live") this._visit.say({ type: "step", step });
  }

  /** Say something of the host's own to everybody else inside. */
  publish(topic, data) {
    const command = appOf(topic, data);
    if (command === null) this._announce("refused", { topic, code: "malformed" });
    else this._visit.say(command);
  }

  /** The network, or the person, has reason to believe that the host can be reached. */
  hint() {
    this._visit.hint();
  }

  /** A device went away by itself. */
  async lost(kind) {
    const isBack = await this._sending.lost(kind);
    if (this._isOver) return;
    if (!isBack) this._page.notice(kind === "audio" ? "microphone-lost" : "camera-lost");
    this.show();
  }

  stop() {
    this._isOver = true;
    this._awake.release();
    this._pace.stop();
    clearTimeout(this._introduction);
    this._quiet();
    this._sending.stop();
    this._visit.stop();
    this._page.clear();
  }

  // --- What is shown -------------------------------------------------------------------------------

  _changed() {
    if (this.client.phase === "closed") this.show();
    else this._pace.changed(this.client);
  }

  /** Show where the visit stands. */
  show() {
    const { client, _page: page } = this;
    if (client.phase === "closed") return this._closed(client.end);
    page.link(client.link);
    if (client.session) this._follow(client.session.modality);
    if (client.state === "waiting") {
      return page.waiting({ hostIsPresent: client.session.hostPresent, modality: this._modality });
    }
    return client.state === "admitted" ? this._showVisit() : undefined;
  }

  _showVisit() {
    const { client, _page: page, _modality: modality } = this;
    const { streams, quality } = this._visit;
    const { roster, participant: me } = client;
    const canAdmit = client.can.includes("admit");
    if (canAdmit) this._announceArrivals();
    if (canAdmit || client.can.includes("end")) this._openDesk(); // everything else is shown meanwhile
    const hasPeople = canAdmit && this._desk === "open";
    page.stage.tiles({ streams, roster, quality, reason: this._reason(canAdmit) });
    page.stage.advise(this._advice());
    if (page.people) page.people.show(roster, { canAdmit: hasPeople, me, modality });
    page.talk.show(client.texts, { roster, me, longest: this._visit.limits.text });
    this._openTexts();
    page.arrange({ hasPeople, modality });
    page.stage.controls({ ...this._sending.state, ...this._may(), canFlip: this._canFlip });
    page.show("visit"); // at last: the focus has all that was changed laid out
    this._introduceOurselves();
  }

  /** Open the messages once, for whoever needs them: they may be closed again. */
  _openTexts() {
    if (this._needsTexts() && this._may().canText) this._page.talk.open();
    this._needsTexts = () => false;
  }

  /** Load what only those use who let people in; nothing of it is seen before it works. */
  async _openDesk() {
    if (this._desk !== "closed") return;
    this._desk = "opening";
    const [Desk, problem] = await this._loadDesk().then((loaded) => [loaded, null], (failed) => [null, failed]);
    if (this._isOver) return;
    this._desk = problem === null ? "open" : "closed";
    if (problem !== null) return this._page.notice(problem.kind); // whatever changes next tries again
    const { people } = this._page;
    const me = () => this.client.participant;
    const desk = new Desk({ people, me, say: (command) => this.say(command), pass: this._pass, attempt: this._attempt });
    this._use(desk.controls);
    this.show();
  }

  /** Why there is nobody to be seen. */
  _reason(canAdmit) {
    const { words } = this._page;
    if (this._modality === "phone") return canAdmit ? words.byPhoneTitle : words.callingNow;
    return canAdmit && this._awaited.size > 0 ? words.aloneAwaited : words.alone;
  }

  /** Tell the clinician, by a sound too, that somebody has come to the waiting room. */
  _announceArrivals() {
    const awaited = [...this.client.roster.values()].filter(({ state }) => state === "arrived");
    const isNew = awaited.some(({ participant }) => !this._awaited.has(participant));
    this._awaited = new Set(awaited.map(({ participant }) => participant));
    if (!isNew) return;
    this._sounds.chime();
    this._page.say(this._page.words.aloneAwaited);
  }

  _may() {
    const { can } = this.client;
    const { mediaDevices } = navigator;
    return {
      canShare: this._modality !== "phone" && can.includes("share-screen") && Boolean(mediaDevices && mediaDevices.getDisplayMedia),
      canEnd: can.includes("end"),
      canText: this._visit.limits.text > 0,
    };
  }

  /** What would help: less picture where ours arrives badly, a better place, or at last the telephone. */
  _advice() {
    const { sound, picture } = this._visit.quality.get(this.client.participant) || {};
    const others = [...this._visit.streams.keys()].map((each) => this._visit.quality.get(each) || {});
    if (others.some((each) => each.sound === "lost")) return "lost";
    const isBad = (verdict) => verdict === "weak" || verdict === "lost";
    if (![sound, picture, ...others.flatMap((each) => [each.sound, each.picture])].some(isBad)) return null;
    return this._devices.isOn("video") ? "weak" : "far";
  }

  /** Every new connection of ours is a new peer, of whom nobody knows yet what it sends. */
  _introduceOurselves() {
    if (this._saidAs === this.client.peer) return;
    this._saidAs = this.client.peer;
    this._quiet();
    this._introduction = setTimeout(() => this._sending.say(), PICTURE_FIRST);
  }

  // --- The modality --------------------------------------------------------------------------------

  /** Open and close the devices as the visit turns to sound, to the telephone, and back. */
  _follow(modality) {
    if (modality === this._modality) return;
    this._modality = modality;
    this._page.say(this._page.words.modalities[modality]);
    this._sending.follow(KINDS[modality]).then(() => this._isOver || this.show());
  }

  async _lookForCameras() {
    const { videoinput = [] } = await this._devices.listed();
    this._canFlip = videoinput.length > 1;
  }

  // --- The ring ------------------------------------------------------------------------------------

  _ring() {
    this._quiet();
    this._sounds.ring();
    this._page.ring(true);
    this._ringing = setTimeout(() => this._sounds.quiet(), RINGS_FOR * 1000);
    this._announce("ring", {});
  }

  answer() {
    this._quiet();
    this.say({ type: "step", step: "call-answered" });
  }

  _quiet() {
    clearTimeout(this._ringing);
    this._sounds.quiet();
    this._page.ring(false);
  }

  // --- Controls ------------------------------------------------------------------------------------

  /** Switch sound ("audio") or picture ("video") on or off. */
  toggle(kind) {
    this._sending.toggle(kind);
    this.show();
  }

  async flip() {
    const isThere = await this._sending.flip();
    if (!isThere) this._page.notice("camera-lost");
    this.show();
  }

  async share() {
    await this._sending.share();
    this.show();
  }

  toggleTexts() {
    this._page.talk.toggle();
    this.show();
  }

  sendText() {
    const { written } = this._page.talk;
    if (!written) return;
    this.say({ type: "text", text: written });
    this._page.talk.sent();
  }

  _disallowed(code, { type, topic }) {
    if (type !== "app") return this._page.notice(code);
    return this._announce("refused", { topic, code });
  }

  _texted(text) {
    const { participant, roster } = this.client;
    if (text.participant !== participant) this._page.say(this._page.talk.announced(text, { roster }));
    this._announce("text", {});
  }
}

// --- When it is shown ----------------------------------------------------------------------------

/** Milliseconds within which everything is shown, whatever else there is to do. */
export const AT_LATEST = 450;

/**
 * When the page shows what has changed: at once, but while two people are about to see each other, what they
 * wait for comes first.
 *
 * To show a visit takes a slow device longer than to describe a connection. So while one is being made, the
 * page is shown as soon as this side has described itself and only waits for the other; and else only so often.
 */
export class Pace {
  constructor(show) {
    this._show = show;
    this._later = null;
    this._hasShown = false;
  }

  /** Something has changed, while a connection is being made or not, and this side has described itself or not. */
  changed({ isMeeting, isDescribed }) {
    if (!isMeeting) return this._now();
    if (isDescribed && !this._hasShown) return this._soon();
    return this._in(AT_LATEST);
  }

  /** Show nothing any more. */
  stop() {
    clearTimeout(this._later);
    this._later = null;
  }

  _now() {
    this.stop();
    this._hasShown = false;
    this._show();
  }

  /** What this side has to say goes out before. */
  _soon() {
    this.stop();
    this._hasShown = true;
    this._in(0);
  }

  _in(wait) {
    if (this._later !== null) return;
    this._later = setTimeout(() => {
      this._later = null;
      this._show();
    }, wait);
  }
}

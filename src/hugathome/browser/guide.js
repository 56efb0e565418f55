/**
 * From the door to the end: code, devices, waiting room, visit. It joins the page, the host's API, the devices
 * and the visit, and is the only module that knows in which order people meet them.
 */
import { ask } from "./api.js";
import { Devices } from "./devices.js";
import { Kept } from "./kept.js";
import { Visit } from "./visit.js";

/** Close codes that say more than "it did not work". */
const ENDINGS = { 4001: "superseded", 4005: "session-ended", 4006: "removed", 4007: "removed" };
const NORMAL = 1000;

export class Guide {
  /**
   * Lead whoever came by `{ link }`, with a `{ grant }`, or back to a `{ visit }` ("session/participant") that
   * this browser keeps the pass of. `announce(name, detail)` is called for what others may care about, and
   * `placed(visit)` once it is known which visit a grant was for.
   */
  constructor(page, way, { announce = () => undefined, placed = () => undefined } = {}) {
    this._page = page;
    this._way = way;
    this._announce = announce;
    this._placed = placed;
    this._devices = new Devices();
    this._kept = null;
    this._face = null;
    this._visit = null;
    page.listen(this._controls(), announce);
    this._unhook = hook(window, "online", () => this._visit && this._visit.hint());
    this._unhookScreen = hook(document, "visibilitychange", () => this._note(document.hidden ? "screen-off" : "screen-on"));
  }

  /** Begin, or begin again. */
  async begin() {
    this._rest();
    try {
      await this._come(this._way);
    } catch (problem) {
      this._fail(problem);
    }
  }

  /** End everything here and let go of the page; it ends nothing for the others. */
  stop() {
    this._rest();
    this._unhook();
    this._unhookScreen();
  }

  _controls() {
    const page = this._page;
    return {
      "send-code": () => this._try(() => this._sendCode()),
      "check-in": () => this._try(() => this._checkIn()),
      join: () => this._join(),
      admit: (control) => this._say({ type: "admit", participant: control.closest("[data-person]").dataset.person }),
      mute: () => this._toggle("audio"),
      camera: () => this._toggle("video"),
      hear: () => page.hear(),
      leave: () => this._leave(),
      end: () => page.confirmEnd(true),
      "keep-on": () => page.confirmEnd(false),
      "confirm-end": () => this._end(),
      answer: () => page.answered(),
      forget: () => this._forget(),
      again: () => this.begin(),
    };
  }

  // --- The way in ----------------------------------------------------------------------------------

  _come({ link, grant, visit }) {
    if (link) return this._comeByLink(link);
    return grant ? this._comeWithGrant(grant) : this._comeBack(visit || "");
  }

  async _comeByLink(link) {
    this._link = link;
    this._kept = new Kept(`link/${link}`);
    this._face = await ask("link", { link });
    this._page.introduce(this._face);
    if (this._face.status === "ended") return this._page.ended("ended");
    if (this._kept.value.pass && this._face.status === "open") return this._check();
    return this._page.code(this._face);
  }

  async _comeWithGrant(grant) {
    const place = await ask("pass", { grant });
    const visit = `${place.session}/${place.participant}`;
    this._way = { visit };
    this._kept = new Kept(`room/${visit}`);
    this._kept.keep({ pass: place.pass });
    this._placed(visit);
    return this._arrive(place);
  }

  /** A page that was loaded again finds its pass by the visit that it came from. */
  async _comeBack(visit) {
    this._kept = new Kept(`room/${visit}`);
    return this._arrive(await ask("grant", { pass: this._kept.value.pass || "" }));
  }

  _arrive(place) {
    this._face = place.visit;
    this._page.introduce(this._face);
    return this._check();
  }

  async _sendCode() {
    await ask("send-code", { link: this._link });
    this._page.codeIsComing();
  }

  async _checkIn() {
    const place = await ask("check-in", { link: this._link, code: this._page.typed });
    this._kept.keep({ pass: place.pass });
    await this._check();
  }

  /** Ask for the devices; whoever was inside before a reload goes straight on. */
  async _check() {
    this._page.show("devices");
    this._page.devices(null);
    const opening = this._open();
    if (this._kept.value.isInside) return this._join();
    return opening;
  }

  async _open() {
    const found = await this._devices.open(this._kinds);
    this._page.devices(found);
    this._page.mirror(this._devices.stream);
    return found;
  }

  get _kinds() {
    return this._face.modality === "video" ? ["audio", "video"] : ["audio"];
  }

  // --- The visit -----------------------------------------------------------------------------------

  async _join() {
    const found = await this._open();
    this._kept.keep({ isInside: true });
    if (this._visit) this._visit.stop();
    this._visit = new Visit({
      kinds: this._kinds,
      tracks: this._devices.tracks,
      freshGrant: async () => (await ask("grant", { pass: this._kept.value.pass })).grant,
      changed: () => this._show(),
      rang: () => this._ring(),
      refused: (problem) => this._fail(problem),
      disallowed: (code) => this._page.notice(code),
    });
    this._say({ type: "step", step: found === "none" ? "devices-refused" : "devices-allowed" });
    this._page.waiting({ hostIsPresent: false });
    this._visit.start();
    this._announce("joined", {});
  }

  /** Show where the visit stands; called after everything that happens in it. */
  _show() {
    const page = this._page;
    const { client, streams } = this._visit;
    if (client.phase === "closed") return this._close(client.end);
    page.link(client.phase === "live" || client.state === null ? "live" : "reconnecting");
    if (client.state === "waiting") return page.waiting({ hostIsPresent: client.session.hostPresent });
    if (client.state !== "admitted") return undefined;
    page.show("visit");
    page.tiles(streams, client.roster);
    page.people(client.roster, { canAdmit: client.can.includes("admit"), me: client.participant });
    return this._showControls();
  }

  _showControls() {
    const isOn = (kind) => (this._devices.has(kind) ? this._devices.isOn(kind) : null);
    const canEnd = this._visit.client.can.includes("end");
    this._page.controls({ sound: isOn("audio"), picture: isOn("video"), canEnd });
  }

  _toggle(kind) {
    this._devices.toggle(kind);
    this._showControls();
  }

  _ring() {
    this._page.ring();
    this._announce("ring", {});
  }

  _say(command) {
    this._page.notice(null);
    this._visit.say(command);
  }

  _note(step) {
    if (this._visit && this._visit.client.phase === "live") this._visit.say({ type: "step", step });
  }

  // --- The end -------------------------------------------------------------------------------------

  _leave() {
    this._say({ type: "leave" });
    this._kept.keep({ isInside: false });
    if (this._visit.client.phase !== "live") this._close({ code: NORMAL });
  }

  _end() {
    this._page.confirmEnd(false);
    this._say({ type: "complete", outcome: this._page.outcome });
  }

  _forget() {
    this._kept.forget();
    return this.begin();
  }

  /** The hub has closed for good, or this person has left. */
  _close({ code }) {
    if (code === NORMAL) return this._left();
    return this._over(ENDINGS[code] || "unknown");
  }

  _left() {
    this._rest();
    this._page.ended("left");
    this._announce("left", {});
  }

  _fail(problem) {
    this._over(problem.kind || "unknown", problem);
  }

  _over(kind, { isFinal = false } = {}) {
    if (kind === "session-ended") return this._ended();
    if (kind === "grant-refused" && this._link && this._face) return this._askAgain();
    this._rest();
    this._announce("problem", { kind });
    return this._page.error(kind, { canTryAgain: !isFinal });
  }

  _ended() {
    const { session } = (this._visit && this._visit.client) || {};
    this._rest();
    if (this._kept) this._kept.forget();
    this._page.ended("ended");
    this._announce("ended", { outcome: (session && session.outcome) || null });
  }

  /** The pass is dead, the link is not: a new code opens a new one. */
  _askAgain() {
    this._rest();
    this._kept.forget();
    this._page.code(this._face);
    this._page.notice("grant-refused");
  }

  _rest() {
    if (this._visit) this._visit.stop();
    this._visit = null;
    this._quiet();
  }

  _quiet() {
    this._devices.close();
    this._page.mirror(null);
  }

  /** Do what a control asks; a refusal is said where the person is. */
  async _try(work) {
    this._page.notice(null);
    try {
      await work();
    } catch (problem) {
      if (problem.kind === "session-ended") this._fail(problem);
      else this._page.notice(problem.kind || "unknown");
    }
  }
}

/** Listen, and return how to stop listening. */
function hook(target, type, heard) {
  target.addEventListener(type, heard);
  return () => target.removeEventListener(type, heard);
}

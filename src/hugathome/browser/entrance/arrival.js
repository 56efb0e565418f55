/**
 * How somebody comes: by a link and the code, with a grant, or back to a visit that this browser knows.
 *
 * What it ends with is a pass that is kept, and the face of the visit: how it is held, in which language, whose
 * it is. It opens no device and enters no visit.
 */
import { ask } from "../transport/api.js";
import { Door } from "./door.js";
import { Kept } from "./kept.js";

export class Arrival {
  /**
   * `way` is `{ link }`, `{ grant }` or `{ visit }`. `still(promise)` waits for what is worth nothing once
   * everything began anew, `attempt(work)` says refusals. `placed(visit)` is called once it is known which
   * visit a grant was for, `entered()` when the code was right, `again()` when there may be something new.
   */
  constructor({ page, way, still, attempt, placed, entered, again }) {
    Object.assign(this, { _page: page, _way: way, _still: still, _attempt: attempt });
    Object.assign(this, { _placed: placed, _entered: entered, _again: again });
    this._door = way.link ? new Door(way.link) : null;
    /** What this browser keeps of the visit; null before anything is known of it. */
    this.kept = null;
    /** What the host says of the visit; null before it has. */
    this.face = null;
  }

  get isByLink() {
    return this._door !== null;
  }

  get controls() {
    return {
      "send-code": () => this._attempt(() => this._sendCode()),
      "call-with-code": () => this._attempt(() => this._sendCode("voice")),
      "check-in": () => this._attempt(() => this._checkIn()),
      "call-me-back": () => this._attempt(() => this._callMeBack()),
    };
  }

  /** Come; resolves to whether there is a visit to enter now. Otherwise the page says what there is. */
  come() {
    const { link, grant, visit } = this._way;
    if (link) return this._comeByLink(link);
    return grant ? this._comeWithGrant(grant) : this._comeBack(visit || "");
  }

  /** Trade the pass: every connection takes a grant of its own. Only now is all that is needed told. */
  async freshGrant() {
    const { grant, visit } = await ask("grant", { pass: this.kept.value.pass });
    Object.assign(this.face, visit);
    return grant;
  }

  /** The pass is dead, the link is not: a new code opens a new one. */
  askAgain() {
    this.kept.forget();
    this._askForCode();
    this._page.notice("grant-refused");
  }

  /** It is over: keep no pass. A link says itself that it is; of a room nobody is left to ask. */
  over() {
    if (this.kept === null) return;
    this.kept.forget();
    if (this.isByLink || this.face === null) return;
    const { language, brand, helpPhone, privacyUrl, entry, adjustments } = this.face;
    this.kept.keepHere({ over: { language, brand, helpPhone, privacyUrl, entry, adjustments } });
  }

  /** Stop waiting for anything. */
  rest() {
    if (this._door !== null) this._door.leave();
  }

  // --- The ways ------------------------------------------------------------------------------------

  async _comeByLink(link) {
    this.kept = new Kept(`link/${link}`);
    this.face = await this._still(this._door.look());
    await this._still(this._page.introduce(this.face, { isPatient: true }));
    const { status } = this.face;
    if (this.kept.value.pass && status === "open") return true;
    if (status === "ended") this._page.ended("ended");
    else this._askForCode();
    return false;
  }

  async _comeWithGrant(grant) {
    const place = await this._still(ask("pass", { grant }));
    const visit = `${place.session}/${place.participant}`;
    this._way = { visit };
    this.kept = new Kept(`room/${visit}`);
    this.kept.keep({ pass: place.pass });
    this._placed(visit);
    return this._arrive(place);
  }

  /** A page that was loaded again finds its pass, or that all is over, by the visit that it came from. */
  async _comeBack(visit) {
    this.kept = new Kept(`room/${visit}`);
    const { pass = "", over } = this.kept.value;
    if (!over) return this._arrive(await this._still(ask("grant", { pass })));
    await this._still(this._page.introduce(over, { isPatient: false }));
    this._page.ended("ended");
    return false;
  }

  async _arrive(place) {
    this.face = place.visit;
    await this._still(this._page.introduce(this.face, { isPatient: false }));
    return true;
  }

  // --- The code ------------------------------------------------------------------------------------

  _askForCode() {
    const { status, modality, opensAt } = this.face;
    this._page.code(this.face);
    if (status === "early" || modality === "phone") this._door.lookAgain(opensAt, this._again);
    else this._readSms();
  }

  async _sendCode(channel) {
    await this._still(this._door.send(channel));
    this._page.entrance.codeIsComing(channel);
    this._readSms();
  }

  _readSms() {
    this._door.readSms((code) => {
      this._page.entrance.typed = code;
      this._attempt(() => this._checkIn());
    });
  }

  async _checkIn() {
    const place = await this._still(this._door.enter(this._page.entrance.typed));
    this.kept.keep({ pass: place.pass });
    this._door.leave();
    await this._entered();
  }

  async _callMeBack() {
    const { pass } = this.kept.value;
    await ask("call-me-back", pass ? { pass } : { link: this._way.link });
    this._page.isCalledBack();
  }
}

/** The clinician's side: who is expected, waits and is inside, what each may be asked, and the telephone. */
import { fill, write } from "./elements.js";
import { person } from "./markup-desk.js";

const HOW = ["code", "date-of-birth", "identity-document", "known-in-person", "other"];
/** Steps that somebody should act on. */
const URGENT = new Set(["call-me-back", "devices-refused", "media-failed", "sms-failed", "code-refused"]);
const INSIDE = new Set(["admitted"]);
const OUT = new Set(["denied", "removed"]);

export class People {
  constructor(elements) {
    this._elements = elements;
    this._calls = new Map();
    this._leads = false;
  }

  /** Name nobody any more. */
  clear() {
    this._elements.one("[data-people]").textContent = "";
    this._elements.toggle("[data-seat]", false);
    this._offerWhom([]);
    this._elements.one("#proof").value = "";
    this._elements.text("[data-phone-said]", null);
  }

  /** Show who is there, to those who let people in. */
  show(roster, { canAdmit, me, modality }) {
    this._elements.toggle("[data-people-panel]", canAdmit);
    this._elements.toggle("[data-phone-panel]", canAdmit && modality === "phone");
    if (!canAdmit) return;
    this._leads = hostOf(roster, me) === "held";
    this._list([...roster.values()].filter((each) => each.participant !== me));
    this._offerSeat(roster, me);
    for (const how of ["video", "audio", "phone"]) {
      this._elements.control(`modality-${how}`).setAttribute("aria-pressed", String(how === modality));
    }
  }

  _list(others) {
    const list = this._elements.one("[data-people]");
    const seen = new Map(others.map((each) => [each.participant, each]));
    for (const item of [...list.children]) if (!seen.has(item.dataset.person)) item.remove();
    for (const each of others) this._describe(this._item(list, each.participant), each);
    this._offerWhom(others.filter(({ role }) => role !== "practitioner"));
  }

  _item(list, participant) {
    const known = [...list.children].find((item) => item.dataset.person === participant);
    if (known) return known;
    const item = person();
    item.dataset.person = participant;
    this._elements.speak(item);
    list.append(item);
    return item;
  }

  _describe(item, { participant, name, role, state, step, stepAt, admitted, host }) {
    const { roles, states, hosts } = this._elements.words;
    item.dataset.state = state;
    write(item.querySelector("[data-name]"), name);
    const how = [roles[role] || role, states[state] || state, hosts[host]];
    write(item.querySelector("[data-how]"), how.filter(Boolean).join(", "));
    write(item.querySelector("[data-last]"), this._last(step, stepAt));
    item.querySelector("[data-last]").classList.toggle("is-urgent", URGENT.has(step));
    const isWaiting = state === "arrived" || (state === "away" && !admitted);
    const isInside = INSIDE.has(state) || (state === "away" && admitted);
    this._offer(item, "admit", isWaiting);
    this._offer(item, "deny", isWaiting);
    this._offer(item, "return-to-waiting", isInside);
    this._offer(item, "remove", isInside);
    this._offer(item, "offer-seat", this._leads && role === "practitioner" && state === "admitted" && !host);
    this._offer(item, "keep-seat", this._leads && host === "offered");
    item.querySelector("details").hidden = role === "practitioner" || !(isWaiting || isInside);
    this._describeCall(item, { participant, step, isOffered: role !== "practitioner" && !isInside && !OUT.has(state) });
  }

  _last(step, at) {
    if (!step) return null;
    const said = this._elements.words.steps[step] || step;
    return at ? `${said} ${this._elements.time(at)}` : said;
  }

  _offer(item, action, isOffered) {
    item.querySelector(`[data-action="${action}"]`).hidden = !isOffered;
  }

  /** Ask whoever is offered the host's seat whether they take it. */
  _offerSeat(roster, me) {
    const holder = [...roster.values()].find(({ host }) => host === "held");
    const seat = this._elements.one("[data-seat]");
    const isAsked = hostOf(roster, me) === "offered" && holder !== undefined;
    if (!isAsked && seat.contains(this._elements.focused)) this._elements.one('[data-view="visit"] h1').focus();
    seat.hidden = !isAsked;
    if (!isAsked) return;
    seat.dataset.person = holder.participant;
    this._elements.text("[data-seat-text]", fill(this._elements.words.seatOffered, { name: holder.name }));
  }

  // --- Calls ---------------------------------------------------------------------------------------

  /** Say how a call reaches somebody: "ring", "sms" or "none"; null once it is over. */
  called(participant, how) {
    this._calls.set(participant, how);
    const item = this._elements.all("[data-person]").find((each) => each.dataset.person === participant);
    if (item) this._sayCall(item, how);
  }

  _describeCall(item, { participant, step, isOffered }) {
    item.querySelector('[data-action="call"]').hidden = !isOffered;
    this._sayCall(item, step === "call-answered" ? null : this._calls.get(participant) || null);
  }

  _sayCall(item, how) {
    const control = item.querySelector('[data-action="call"]');
    control.disabled = how === "ring" || how === "sms";
    write(control.querySelector("[data-label]"), this._elements.words.calls[how || "again"]);
  }

  // --- The visit by telephone ----------------------------------------------------------------------

  /** Whom the telephone panel is about. */
  get whom() {
    return this._elements.control("choose-whom").value;
  }

  /** How the identity was checked: with a code that was read back, or in words. */
  get identity() {
    const how = this._elements.control("choose-how").value;
    const proof = this._elements.one("#proof").value.trim();
    if (how === "code") return { code: proof };
    return { how: how === "other" ? proof : how };
  }

  _offerWhom(others) {
    const select = this._elements.control("choose-whom");
    const options = others.map(({ participant, name }) => [participant, name || participant]);
    if (JSON.stringify(options) === select.dataset.offered) return;
    select.dataset.offered = JSON.stringify(options);
    const patient = others.find(({ role }) => role === "patient");
    select.textContent = "";
    select.append(...options.map(([id, label]) => new Option(label, id)));
    if (patient) select.value = patient.participant;
    this._elements.toggle('label[for="whom"], [data-action="choose-whom"]', options.length > 1);
  }

  /** Ask for what the chosen way of checking needs. */
  askForProof() {
    const how = this._elements.control("choose-how").value;
    const input = this._elements.one("#proof");
    const { proofs } = this._elements.words;
    input.hidden = !proofs[how];
    input.inputMode = how === "code" ? "numeric" : "text";
    input.value = "";
    write(this._elements.one("[data-proof-label]"), proofs[how]);
  }

  speak() {
    const { identities } = this._elements.words;
    const select = this._elements.control("choose-how");
    select.textContent = "";
    select.append(...HOW.map((how) => new Option(identities[how], how)));
    this.askForProof();
  }

  /** Tell whoever is about to dial by which word the patient knows them. */
  sayFirst(word) {
    this._elements.text("[data-phone-said]", fill(this._elements.words.sayFirst, { word }));
  }

  codeIsSent() {
    this._elements.text("[data-phone-said]", this._elements.words.codeForSent);
  }

  isIdentified() {
    const time = this._elements.time(new Date());
    this._elements.text("[data-phone-said]", fill(this._elements.words.identified, { time }));
  }
}

function hostOf(roster, participant) {
  return (roster.get(participant) || {}).host;
}

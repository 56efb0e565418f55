/** What a clinician does about the others in a visit, each as one command to the hub or one call of the API. */
import { ask } from "../transport/api.js";

const RINGS_FOR = 60; // seconds

export class Desk {
  /**
   * `me()` returns who sits at it, `say(command)` speaks to the hub, `pass()` returns the page's own pass,
   * `attempt(work)` says refusals.
   */
  constructor({ people, me, say, pass, attempt }) {
    this._people = people;
    this._me = me;
    this._say = say;
    this._pass = pass;
    this._attempt = attempt;
    this._calls = new Map();
  }

  /** The controls that are the clinician's alone. */
  get controls() {
    const about = (type) => (control) => this._say({ type, participant: personOf(control) });
    const seat = (type, whose) => (control) => this._say({ type, participant: whose(control), capability: "host" });
    const modality = (how) => () => this._say({ type: "modality", modality: how });
    return {
      admit: about("admit"),
      deny: about("deny"),
      remove: about("remove"),
      "return-to-waiting": about("return-to-waiting"),
      "offer-seat": seat("transfer", personOf),
      "keep-seat": seat("transfer", this._me),
      "take-seat": seat("transfer-accept", personOf),
      "decline-seat": seat("transfer", personOf), // back to whoever offers it
      "modality-video": modality("video"),
      "modality-audio": modality("audio"),
      "modality-phone": modality("phone"),
      call: (control) => this._attempt(() => this._call(personOf(control))),
      "code-for": () => this._attempt(() => this._sendCode()),
      identify: () => this._attempt(() => this._identify()),
      "choose-how": () => this._people.askForProof(),
    };
  }

  async _call(participant) {
    const { how, word } = await ask("call", { pass: this._pass(), participant });
    this._people.called(participant, how);
    if (word) this._people.sayFirst(word); // before a visit by telephone
    clearTimeout(this._calls.get(participant)); // of the call before, which is over with this one
    this._calls.set(participant, setTimeout(() => this._people.called(participant, null), RINGS_FOR * 1000));
  }

  async _sendCode() {
    await ask("code-for", { pass: this._pass(), participant: this._people.whom });
    this._people.codeIsSent();
  }

  async _identify() {
    await ask("identify", { pass: this._pass(), participant: this._people.whom, ...this._people.identity });
    this._people.isIdentified();
  }
}

function personOf(control) {
  return control.closest("[data-person]").dataset.person;
}

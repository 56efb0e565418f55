/**
 * The check before a visit: asks for the devices, says what was found, and lets the person try and choose.
 *
 * What is missing keeps nobody out: it is said what helps, and what one can do without.
 */
import { KINDS } from "../media/devices.js";

export class Check {
  /** `attempt(work)` does what a control asks and says why it could not. */
  constructor({ page, devices, sounds, attempt }) {
    this._page = page;
    this._devices = devices;
    this._sounds = sounds;
    this._attempt = attempt;
    this._modality = "video";
  }

  /** The controls that belong to it alone. */
  get controls() {
    return {
      "test-sound": () => this._testSound(),
      "choose-camera": ({ value }) => this._attempt(() => this._choose("videoinput", value)),
      "choose-microphone": ({ value }) => this._attempt(() => this._choose("audioinput", value)),
      "choose-speaker": ({ value }) => this._choosePlayer(value),
      "copy-link": () => this._copyLink().catch(() => undefined), // by hand, then
    };
  }

  /** Show the state, before anything was asked. */
  show(modality) {
    this._modality = modality;
    this._devices.close();
    this._page.entrance.askForDevices(modality);
    this._page.show("devices");
  }

  /** Ask for the devices, and resolve to what was found; asking twice asks once. */
  async open() {
    if (this._modality === "phone") return "none";
    const found = await this._devices.open(KINDS[this._modality]);
    if (this._page.state === "devices") await this._tell(found);
    return found;
  }

  async _tell(found) {
    this._page.entrance.devices({ found, why: this._devices.why, modality: this._modality });
    this._page.aid(found === "none" ? { canCallBack: true } : null);
    if (this._devices.stream) await this._mirror();
  }

  async _mirror() {
    const { entrance } = this._page;
    entrance.mirror(this._devices.stream, { isFront: this._devices.isFront });
    if (this._devices.has("audio")) {
      this._sounds.listen(this._devices.stream, (loudness) => entrance.level(loudness));
    }
    entrance.choices(await this._devices.listed(), this._devices.chosen);
  }

  _testSound() {
    this._sounds.test();
    this._page.entrance.soundIsTested();
  }

  async _choose(kind, id) {
    await this._devices.choose(kind, id);
    await this._mirror();
  }

  _choosePlayer(id) {
    this._sounds.choose(id);
    this._page.playInto(id);
  }

  async _copyLink() {
    this._page.entrance.linkIs(location.href);
    await navigator.clipboard.writeText(location.href);
    this._page.entrance.linkIsCopied();
  }
}

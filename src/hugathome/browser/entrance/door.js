/**
 * The door of whoever comes by a link: looks at the appointment, asks for the code, trades it for a pass.
 *
 * Looking sends nothing and changes nothing; a code is sent only when the person asks for it.
 */
import { ask } from "../transport/api.js";

const LOOK_AGAIN = 60; // seconds: an appointment may have moved, and clocks may be wrong
const SOON = 5;

export class Door {
  constructor(link) {
    this.link = link;
    this._looking = null;
    this._reading = null;
  }

  /** Return the appointment behind the link. */
  look() {
    return ask("link", { link: this.link });
  }

  /** Have the code sent by a channel, or as the host prefers. */
  send(channel) {
    return ask("send-code", { link: this.link, channel });
  }

  /** Trade the code for a pass. */
  enter(code) {
    return ask("check-in", { link: this.link, code });
  }

  /** Call `again` once the window may have opened, or the visit have become another. */
  lookAgain(opensAt, again) {
    clearTimeout(this._looking);
    const left = (new Date(opensAt).getTime() - Date.now()) / 1000;
    const wait = left > 0 ? Math.min(Math.max(left, SOON), LOOK_AGAIN) : LOOK_AGAIN;
    this._looking = setTimeout(again, 1000 * wait);
  }

  /** Where the browser can read the code from the SMS itself, call `found(code)`. */
  async readSms(found) {
    if (!("OTPCredential" in window) || this._reading !== null) return;
    const reading = (this._reading = new AbortController());
    try {
      const { code } = await navigator.credentials.get({ otp: { transport: ["sms"] }, signal: reading.signal });
      found(code);
    } catch (declined) {
      // the person types it
    }
    if (this._reading === reading) this._reading = null; // another SMS is read as well
  }

  /** Stop waiting for anything. */
  leave() {
    clearTimeout(this._looking);
    if (this._reading !== null) this._reading.abort();
    this._reading = null;
  }
}

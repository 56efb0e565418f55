/** The messages on a phone, drawn as a phone draws them: each text as it was sent, with its link a link. */

import { element } from "./drawing.js";

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** Return hours and minutes of an instant. */
export function timeOf(instant) {
  return clock.format(new Date(instant));
}

/** Return a number in groups, as it is read aloud. */
export function spelled(number) {
  return number.replace(/^(\+\d\d)(\d\d)(\d{3})(\d\d)(\d\d)$/, "$1 $2 $3 $4 $5");
}

/** Return a text around its link: what stands before, the link, what stands after. */
export function parted(text, link) {
  const at = link ? text.indexOf(link) : -1;
  return at < 0 ? [text, "", ""] : [text.slice(0, at), link, text.slice(at + link.length)];
}

/** A list of messages below a root; `newWindow` says whether links leave this page open. */
export class Phone {
  constructor(root, { newWindow }) {
    this.list = root.querySelector("[data-messages]");
    this.number = root.querySelector("[data-number]");
    this.empty = root.querySelector("[data-no-message]");
    this.newWindow = newWindow;
    this.shown = [];
  }

  /** Show these messages on the phone of a patient, if there is one; return whether one is new. */
  show(messages, { phone = "", language = "" } = {}) {
    const isOther = this.shown.some((text, index) => text !== keyOf(messages[index]));
    if (isOther) this.clear();
    const fresh = messages.slice(this.shown.length);
    for (const message of fresh) this.list.append(this.bubble(message, language));
    this.shown = messages.map(keyOf);
    this.number.textContent = phone ? `To ${spelled(phone)}` : "Text messages";
    this.empty.hidden = messages.length > 0;
    if (fresh.length) this.list.scrollTop = this.list.scrollHeight;
    return fresh.length > 0;
  }

  clear() {
    this.list.textContent = "";
    this.shown = [];
  }

  bubble({ text, link, code, sentAt }, language) {
    const item = element("li", "message");
    item.dataset.sms = "";
    const [before, address, after] = parted(text, link);
    const body = element("p", "text");
    body.lang = language;
    body.append(before, ...(address ? [this.anchor(address)] : []), after);
    const time = element("time", "quiet", timeOf(sentAt));
    time.dateTime = sentAt;
    item.append(body, time, ...(code ? [copying(code)] : []));
    return item;
  }

  anchor(address) {
    const anchor = element("a", "", address);
    anchor.href = address;
    anchor.rel = "noopener noreferrer";
    if (this.newWindow) anchor.target = "_blank";
    return anchor;
  }
}

function keyOf(message) {
  return message ? `${message.to} ${message.sentAt} ${message.text}` : "";
}

/** Return the button that a phone offers beside a code. */
function copying(code) {
  const button = element("button", "copy", `Copy ${code}`);
  button.type = "button";
  button.dataset.action = "copy-code";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      button.textContent = "Copied";
    } catch (error) {
      button.textContent = code; // some browsers keep the clipboard to themselves; the code is there to be read
    }
  });
  return button;
}

/** The text messages beside the picture: their list, what is being written, how many nobody has read. */
import { fill, write } from "./elements.js";
import { text } from "./markup-inside.js";

export class Talk {
  constructor(elements) {
    this._elements = elements;
    this._shown = [];
    this._read = 0;
  }

  get isOpen() {
    return !this._elements.one("[data-talk]").hidden;
  }

  /** What was written; empty if nothing. Half a character, as a limit of length may leave one, is no text. */
  get written() {
    return this._elements.one("[data-text]").value.replace(/\p{Surrogate}/gu, "").replace(/^[\s\x85]+|[\s\x85]+$/g, "");
  }

  sent() {
    this._elements.one("[data-text]").value = "";
  }

  /** Keep nothing of what was written. */
  clear() {
    this._shown = [];
    this._elements.one("[data-texts]").textContent = "";
    this.sent();
  }

  /** Open or close the panel, and put the focus where one goes on. */
  toggle() {
    const isOpen = !this.isOpen;
    this.open(isOpen);
    (isOpen ? this._elements.one("[data-text]") : this._elements.control("text-panel")).focus();
  }

  /** Open the panel, or close it, and leave the focus where it is. */
  open(isOpen = true) {
    this._elements.toggle("[data-talk]", isOpen);
    if (isOpen) this._elements.toggle("[data-side]", true); // what is hidden cannot have the focus
    this._elements.control("text-panel").setAttribute("aria-expanded", String(isOpen));
    this._showLast(); // what is hidden does not scroll either
    this._count();
  }

  /** Show these messages, `{participant, text, at}`, of people from `roster`. */
  show(texts, { roster, me, longest }) {
    this._elements.one("[data-text]").maxLength = longest;
    if (texts.length !== this._shown.length || texts.some((each, index) => each !== this._shown[index])) {
      this._shown = [...texts];
      const list = this._elements.one("[data-texts]");
      list.textContent = "";
      list.append(...texts.map((each) => this._entry(each, { roster, me })));
      this._showLast();
      this._elements.toggle("[data-no-texts]", texts.length === 0);
    }
    this._count();
  }

  /** Say that a message came, to those who do not see it come. */
  announced({ participant }, { roster }) {
    return fill(this._elements.words.textCame, { name: nameOf(participant, roster) });
  }

  _entry({ participant, text: words, at }, { roster, me }) {
    const entry = text();
    const isMine = participant === me;
    entry.classList.toggle("is-mine", isMine);
    write(entry.querySelector("[data-by]"), isMine ? this._elements.words.me : nameOf(participant, roster));
    write(entry.querySelector("[data-at]"), this._elements.time(at));
    write(entry.querySelector("[data-words]"), words);
    return entry;
  }

  _showLast() {
    const list = this._elements.one("[data-texts]");
    list.scrollTop = list.scrollHeight;
  }

  _count() {
    if (this.isOpen) this._read = this._shown.length;
    const unread = Math.max(this._shown.length - this._read, 0);
    this._elements.text("[data-unread]", unread > 0 ? String(unread) : null);
  }
}

function nameOf(participant, roster) {
  const seen = roster.get(participant);
  return (seen && seen.name) || "";
}

/** The question that stands before the end of a visit for everybody, and what came of it. */
export class Ending {
  constructor(elements) {
    this._elements = elements;
    elements.root.addEventListener("keydown", (event) => this._typed(event));
  }

  /** The outcome that was chosen. */
  get outcome() {
    return this._select.value;
  }

  /** Ask, or ask no longer. */
  ask(isAsked) {
    if (this._question.hidden === !isAsked) return;
    this._question.hidden = !isAsked;
    this._elements.control(isAsked ? "confirm-end" : "end").focus();
  }

  speak() {
    const { outcomes } = this._elements.words;
    this._select.textContent = "";
    this._select.append(...Object.entries(outcomes).map(([value, text]) => new Option(text, value)));
  }

  get _question() {
    return this._elements.one("[data-ending]");
  }

  get _select() {
    return this._elements.one("[data-outcome]");
  }

  _typed(event) {
    if (this._question.hidden) return;
    if (event.key === "Escape") this.ask(false);
    if (event.key === "Tab") this._stayInside(event);
  }

  /** Nobody tabs out of the question into what lies beneath it. */
  _stayInside(event) {
    const stops = [...this._question.querySelectorAll("select, button")];
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const isInside = this._question.contains(this._elements.focused);
    if (isInside && this._elements.focused !== (event.shiftKey ? first : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }
}

/**
 * The elements of one page and its words: what all its parts share.
 *
 * Everything is looked up inside the root, which may be a document's body or live in a shadow tree; data goes
 * in as text, never as markup.
 */
export class Elements {
  constructor(root) {
    this.root = root;
    /** The words of the page's language. */
    this.words = {};
    /** The zone in which times are said; undefined means the device's own. */
    this.timeZone = undefined;
    /** The loudspeaker that the others are played into; null means the device's own choice. */
    this.speaker = null;
    this._clocks = new Map();
  }

  one(selector) {
    return this.root.querySelector(selector);
  }

  all(selector) {
    return [...this.root.querySelectorAll(selector)];
  }

  /** Return the control of an action; where there are several, the first. */
  control(action) {
    return this.one(`[data-action="${action}"]`);
  }

  /** Return the element that has the focus, if it is one of ours. */
  get focused() {
    const { activeElement } = this.root.getRootNode();
    return this.root.contains(activeElement) ? activeElement : null;
  }

  toggle(selector, isShown) {
    for (const element of this.all(selector)) element.hidden = !isShown;
  }

  /** Say `text` there; nothing hides it. A text that stands there already is not announced again. */
  text(selector, text) {
    for (const element of this.all(selector)) write(element, text);
  }

  /** Let the links lead to `href`; nothing hides them. */
  link(selector, href) {
    for (const element of this.all(selector)) {
      element.hidden = !href;
      if (href) element.href = href;
    }
  }

  /** Give the elements below `parent` that name a word that word. */
  speak(parent = this.root) {
    for (const element of parent.querySelectorAll("[data-word]")) {
      write(element, this.words[element.dataset.word], element.hidden);
    }
  }

  /** Return a clock's time as the page's language writes it. */
  time(instant) {
    return this._clock(this.root.lang, this.timeZone).format(new Date(instant));
  }

  /** Making one takes a slow phone many milliseconds, and times are said at every change. */
  _clock(language, timeZone) {
    const key = `${language} ${timeZone}`;
    const style = { hour: "2-digit", minute: "2-digit", timeZone };
    if (!this._clocks.has(key)) this._clocks.set(key, new Intl.DateTimeFormat(language, style));
    return this._clocks.get(key);
  }
}

/** Put `text` into an element, and hide it where there is none or it is to stay hidden. */
export function write(element, text, isHidden = !text) {
  if (element.textContent !== (text || "")) element.textContent = text || "";
  element.hidden = isHidden;
}

/** Return `text` with its `{…}` filled in. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

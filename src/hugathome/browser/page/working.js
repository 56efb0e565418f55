/** Controls that are at work: using one again meanwhile does nothing, and a person sees that it was used. */
export class Working {
  constructor() {
    this._controls = new Set();
  }

  /** Return `use` for a control that is used once at a time. */
  once(use) {
    return (control) => {
      if (this._controls.has(control)) return;
      const work = use(control);
      if (control && work instanceof Promise) this._await(control, work);
    };
  }

  /** Nothing is at work any more, whatever was never answered. */
  clear() {
    for (const control of this._controls) control.removeAttribute("aria-busy");
    this._controls = new Set();
  }

  _await(control, work) {
    const controls = this._controls.add(control);
    control.setAttribute("aria-busy", "true");
    const done = () => {
      if (controls !== this._controls) return;
      controls.delete(control);
      control.removeAttribute("aria-busy");
    };
    work.then(done, done);
  }
}

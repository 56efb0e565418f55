/**
 * From the door to the end: code, devices, waiting room, visit. It joins the page, the host's API, the devices
 * and the visit, and is the only module that knows in which order people meet them.
 */
import { Arrival } from "./entrance/arrival.js";
import { Check } from "./entrance/check.js";
import { Devices } from "./media/devices.js";
import { Sounds } from "./media/sounds.js";
import { Working } from "./page/working.js";
import { late } from "./transport/late.js";

/** Close codes that say more than "it did not work". */
const ENDINGS = { 4001: "superseded", 4005: "session-ended", 4006: "removed", 4007: "removed" };
const NORMAL = 1000;
/** Seconds that the devices may take once somebody wants to enter; what comes later is used when it comes. */
const OPENED_WITHIN = 8;
/** Seconds that a hub has to let somebody go. */
const LEFT_WITHIN = 3;
/** Seconds until what failed for a while is tried again. */
const AGAIN_AFTER = 15;
/** Refusals after which only the telephone helps. */
const BLOCKING = new Set(["too-many-attempts", "quota-reached", "not-reachable"]);

export class Guide {
  /**
   * Lead whoever came by `{ link }`, with a `{ grant }`, or back to a `{ visit }` ("session/participant") that
   * this browser keeps the pass of. `announce(name, detail)` is called for what others may care about, and
   * `placed(visit)` once it is known which visit a grant was for. `outdated()` is called where the server has
   * gone over to another release, of which only a new page can have the rest.
   */
  constructor(page, way, { announce = () => undefined, placed = () => undefined, outdated = null } = {}) {
    this._page = page;
    this._announce = announce;
    this._outdated = outdated;
    this._devices = new Devices({ lost: (kind) => this._lost(kind) });
    this._sounds = new Sounds();
    const attempt = (work) => this._try(work);
    this._arrival = new Arrival({
      page,
      way,
      placed,
      attempt,
      still: (promise) => this._still(promise),
      entered: () => this._enter(),
      again: () => this.begin(),
    });
    this._check = new Check({ page, devices: this._devices, sounds: this._sounds, attempt });
    this._stay = null;
    this._inside = null;
    this._turn = 0;
    this._later = null;
    this._working = new Working();
    this._uses = {};
    this._use(this._controls());
    page.listen(this._uses, announce);
    this._hooks = [
      hook(window, "online", () => this._online()),
      hook(window, "pageshow", ({ persisted }) => persisted && this._returned()),
      hook(document, "visibilitychange", () => this._stay && this._stay.seen()),
      hook(document, "click", () => this._sounds.wake()),
    ];
  }

  /** Begin, or begin again. */
  async begin() {
    this._rest();
    try {
      const mayEnter = await this._arrival.come();
      if (this._page.state !== "ended") this._loadInside().catch(() => undefined); // whoever joins asks again
      if (mayEnter) await this._enter();
    } catch (problem) {
      await this._still(this._page.ready);
      this._fail(problem);
    }
  }

  /** End everything here and let go of the page; it ends nothing for the others. */
  stop() {
    this._rest();
    this._sounds.close();
    for (const unhook of this._hooks) unhook();
  }

  /** Send a message of the host's own to everybody else inside; whoever has not joined is told that they have not. */
  publish(topic, data = null) {
    if (this._stay) this._stay.publish(topic, data);
    else this._announce("refused", { topic, code: "not-admitted" });
  }

  get _kept() {
    return this._arrival.kept;
  }

  /** From now on these controls do what they name. */
  _use(controls) {
    for (const [action, use] of Object.entries(controls)) this._uses[action] = this._working.once(use);
  }

  _controls() {
    const parts = [this._arrival.controls, this._check.controls];
    return Object.assign({}, ...parts, this._controlsOfEntrance(), this._controlsOfVisit());
  }

  _controlsOfEntrance() {
    return {
      "retry-devices": () => void this._try(() => this._enter()), // a device may go away meanwhile
      join: () => this._try(() => this._join()),
      forget: () => this._forget(),
      again: () => this.begin(),
    };
  }

  _controlsOfVisit() {
    const page = this._page;
    return {
      answer: () => this._stay.answer(),
      mute: () => this._toggle("audio"),
      camera: () => this._toggle("video"),
      flip: () => this._try(() => this._stay.flip()),
      screen: () => this._try(() => this._stay.share()),
      hear: () => page.stage.hear(),
      "people-panel": () => page.togglePeople(),
      "text-panel": () => this._stay.toggleTexts(),
      "send-text": () => this._stay.sendText(),
      retry: () => this._stay.hint(),
      leave: () => this._stay && this._leave(),
      end: () => page.ending.ask(true),
      "keep-on": () => page.ending.ask(false),
      "confirm-end": () => this._end(),
    };
  }

  // --- The devices ---------------------------------------------------------------------------------

  /** Ask for the devices; whoever was inside before a reload goes straight on. */
  async _enter() {
    const { isInside, off } = this._kept.value;
    this._check.show(this._arrival.face.modality);
    this._devices.off = (isInside && off) || [];
    const opening = this._still(this._check.open());
    return isInside ? this._join() : opening;
  }

  _lost(kind) {
    if (this._stay) this._stay.lost(kind);
    else this._enter();
  }

  // --- The visit -----------------------------------------------------------------------------------

  async _join() {
    this._sounds.unlock();
    const opening = this._still(this._check.open());
    const found = await this._still(within(OPENED_WITHIN, opening));
    const Attendance = await this._still(this._loadInside()); // it came while the person looked around
    this._sounds.deafen();
    this._kept.keep({ isInside: true });
    if (this._stay) this._stay.stop();
    this._stay = new Attendance({
      page: this._page,
      devices: this._devices,
      sounds: this._sounds,
      modality: this._arrival.face.modality,
      freshGrant: () => this._arrival.freshGrant(),
      needsTexts: () => this._arrival.face.adjustments.includes("open-messages"),
      loadDesk: () => this._loadDesk(),
      pass: () => this._kept.value.pass,
      attempt: (work) => this._try(work),
      use: (controls) => this._use(controls),
      announce: this._announce,
      closed: (end) => this._close(end),
      failed: (problem) => this._fail(problem),
    });
    this._page.entrance.mirror(this._devices.stream, { isFront: this._devices.isFront });
    this._stay.start(found);
    if (found === null) opening.then((foundLate) => this._stay.equipped(foundLate));
  }

  /** Load what a visit needs, once; what could not be had is asked for again by whoever needs it next. */
  _loadInside() {
    if (this._inside === null) {
      this._inside = Promise.all([late("visit/attendance.js"), late("page/inside.js")]).then(([{ Attendance }, { inside }]) => {
        this._page.furnish(inside);
        return Attendance;
      });
      this._inside.catch(() => (this._inside = null));
    }
    return this._inside;
  }

  /** Load what only those use who let people in; nothing of it is seen before it works. */
  async _loadDesk() {
    const [{ Desk }, { desk }] = await Promise.all([late("visit/desk.js"), late("page/desk.js")]);
    await this._page.furnishDesk(desk);
    return Desk;
  }

  /** Whoever is neither seen nor heard stays so when the page is loaded again. */
  _toggle(kind) {
    this._stay.toggle(kind);
    this._kept.keep({ off: this._devices.off });
  }

  _online() {
    if (this._stay) this._stay.hint();
    else if (this._page.state === "error" && this._later !== null) this.begin();
  }

  /** The browser kept the page aside, and ended what it held open. */
  _returned() {
    if (["devices", "waiting", "visit"].includes(this._page.state)) this.begin();
  }

  // --- The end -------------------------------------------------------------------------------------

  _leave() {
    this._stay.say({ type: "leave" });
    this._kept.keep({ isInside: false });
    if (this._stay.client.phase !== "live") return this._left();
    clearTimeout(this._later);
    this._later = setTimeout(() => this._left(), 1000 * LEFT_WITHIN);
  }

  _end() {
    const { ending } = this._page;
    ending.ask(false);
    this._stay.say({ type: "complete", outcome: ending.outcome });
  }

  _forget() {
    this._kept.forget();
    return this.begin();
  }

  /** The hub has closed for good, or this person has left. */
  _close({ code }) {
    if (code === NORMAL) return this._left();
    return this._over(ENDINGS[code] || "unknown");
  }

  _left() {
    this._rest();
    this._page.ended("left");
    this._announce("left", {});
  }

  _fail(problem) {
    if (problem.kind === "outdated" && this._outdated !== null) return this._outdated();
    return this._over(problem.kind || "unknown", problem);
  }

  _over(kind, { isFinal } = {}) {
    if (kind === "session-ended") return this._ended();
    const { isByLink, face } = this._arrival;
    if (kind === "grant-refused" && isByLink && face !== null) return this._askAgain();
    this._rest();
    this._announce("problem", { kind });
    const isNew = this._page.state !== "error";
    this._page.error(kind, { canTryAgain: !isFinal });
    if (isNew) this._page.aid({ canCallBack: face !== null });
    if (isFinal === false) this._later = setTimeout(() => this.begin(), 1000 * AGAIN_AFTER);
  }

  _ended() {
    const { session } = (this._stay && this._stay.client) || {};
    this._rest();
    this._arrival.over();
    this._page.ended("ended");
    this._announce("ended", { outcome: (session && session.outcome) || null });
  }

  _askAgain() {
    this._rest();
    this._arrival.askAgain();
  }

  _rest() {
    this._turn += 1;
    clearTimeout(this._later);
    this._later = null;
    this._working.clear();
    if (this._stay) this._stay.stop();
    this._stay = null;
    this._arrival.rest();
    this._sounds.deafen();
    this._devices.close();
    this._page.entrance.mirror(null);
  }

  /** Wait for `promise`; where everything was ended meanwhile, what was to follow never does. */
  _still(promise) {
    const turn = this._turn;
    return new Promise((follow, fail) => {
      promise.then(
        (value) => turn === this._turn && follow(value),
        (problem) => turn === this._turn && fail(problem),
      );
    });
  }

  /** Do what a control asks; a refusal is said where the person is, with a way on. */
  async _try(work) {
    this._page.notice(null);
    try {
      await work();
    } catch (problem) {
      this._refused(problem);
    }
  }

  _refused(problem) {
    const kind = problem.kind || "unknown";
    if (kind === "session-ended" || kind === "outdated") return this._fail(problem);
    if (kind === "send-too-soon") this._page.entrance.coolDown(problem.body.retryAfter);
    if (kind === "too-many-attempts") this._page.entrance.block();
    if (BLOCKING.has(kind)) this._page.aid({ canCallBack: true });
    return this._page.notice(kind);
  }
}

/** Listen, and return how to stop listening. */
function hook(target, type, heard) {
  target.addEventListener(type, heard);
  return () => target.removeEventListener(type, heard);
}

/** Resolve to what `promise` does, or to null after so many seconds. */
function within(seconds, promise) {
  return Promise.race([promise, new Promise((resolve) => setTimeout(resolve, 1000 * seconds, null))]);
}

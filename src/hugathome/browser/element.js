/**
 * `<hugathome-visit grant="…">`: the room as an element of a host's own page.
 *
 * It lives in a shadow root of its own with its own style, takes the grant out of the document as soon as it
 * has read it, says where it stands in `data-state` and `data-link`, and tells the rest in events, which
 * `element.d.ts` names. Out of the document it keeps no connection and no device open; put back, it begins
 * again where it was.
 */
import { Guide } from "./guide.js";
import { Page } from "./page/page.js";

const STYLE = new URL("style.css", import.meta.url).href;

class HugathomeVisit extends HTMLElement {
  static get observedAttributes() {
    return ["grant"];
  }

  constructor() {
    super();
    this.attachShadow({ mode: "open" });
    this._way = null;
    this._guide = null;
  }

  connectedCallback() {
    this._begin();
  }

  disconnectedCallback() {
    this._stop();
  }

  /** Take a grant, whenever it comes: a fresh one begins anew. */
  attributeChangedCallback(_name, _before, grant) {
    if (grant === null) return;
    this.removeAttribute("grant"); // first: while an element is upgraded, this calls connectedCallback
    this._way = { grant };
    this._begin();
  }

  /** Send a message of the host's own to everybody else inside; what cannot be sent is told as `refused`. */
  publish(topic, data) {
    if (this._guide !== null) this._guide.publish(topic, data);
    else this._announce("refused", { topic, code: "not-admitted" });
  }

  _begin() {
    this._stop();
    if (this._way === null || !this.isConnected) return;
    const announce = (name, detail) => this._announce(name, detail);
    const placed = (visit) => {
      this._way = { visit };
    };
    Object.assign(this.dataset, { state: "loading", link: "live" });
    this._guide = new Guide(new Page(this._furnish()), this._way, { announce, placed });
    this._guide.begin();
  }

  _stop() {
    if (this._guide !== null) this._guide.stop();
    this._guide = null;
    this.shadowRoot.textContent = "";
  }

  /** Return an empty root for the page, which shows itself as soon as it has its style. */
  _furnish() {
    const style = Object.assign(document.createElement("link"), { rel: "stylesheet", href: STYLE });
    const root = document.createElement("div");
    const spoken = this.closest("[lang]");
    root.className = "hugathome";
    root.lang = spoken === null ? "" : spoken.lang;
    root.hidden = true;
    const show = () => {
      root.hidden = false;
    };
    style.addEventListener("load", show);
    style.addEventListener("error", show);
    this.shadowRoot.append(style, root);
    return root;
  }

  _announce(name, detail) {
    if (name === "state" || name === "link") this.dataset[name] = detail[name];
    this.dispatchEvent(new CustomEvent(`hugathome-${name}`, { bubbles: true, composed: true, detail }));
  }
}

customElements.define("hugathome-visit", HugathomeVisit);

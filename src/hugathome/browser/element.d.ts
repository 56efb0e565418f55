/**
 * The types of `element.js`: what `<hugathome-visit>` is, and what it and the room in a frame tell their host.
 *
 *     import type { HugathomeMessage } from "./element";
 *
 * For names and events of the element itself, a reference to this file is enough.
 */

/** Where the visit stands, as in `data-state`. */
export type VisitState = "loading" | "code" | "devices" | "waiting" | "visit" | "ended" | "error";

/** How the connection to the host stands, as in `data-link`. */
export type VisitLink = "live" | "reconnecting" | "lost";

/** What is told, by name. Messages of your own aside, it names nobody and quotes nobody. */
export interface Announced {
  /** The page shows another state. */
  state: { state: VisitState };
  /** The connection to the host stands otherwise. Sound and picture go on without it. */
  link: { link: VisitLink };
  /** This person has gone in: to the waiting room, or to the visit. */
  joined: Record<string, never>;
  /** This person has left; the visit goes on, and they may come back. */
  left: Record<string, never>;
  /** The visit is over for everybody; `outcome` as it was recorded, if this is known. */
  ended: { outcome: string | null };
  /** The clinician calls this person. */
  ring: Record<string, never>;
  /** A text message has come. */
  text: Record<string, never>;
  /** A message of your own has come, from this participant. */
  app: { topic: string; data: unknown; participant: string };
  /**
   * A message of your own was not sent on, and why: "not-admitted" where this person is not in the visit,
   * "not-permitted" where the server has not switched them on, "too-long", or "malformed".
   */
  refused: { topic: string; code: string };
  /** It cannot go on; `kind` is the last word of the problem's type, such as "grant-refused". */
  problem: { kind: string };
}

/** The events of `<hugathome-visit>`; all of them bubble. */
export type HugathomeEventMap = {
  [Name in keyof Announced as `hugathome-${Name}`]: CustomEvent<Announced[Name]>;
};

/** What the room in a frame posts to the page that embeds it. Look at the event's `origin` first. */
export type HugathomeMessage = {
  [Name in keyof Announced]: { source: "hugathome"; name: Name; detail: Announced[Name] };
}[keyof Announced];

/** What a page posts to the room that it frames, at the room's origin: a message of its own to all others inside. */
export interface HugathomeOrder {
  target: "hugathome";
  topic: string;
  data?: unknown;
}

/**
 * The room, for whoever holds a grant: `<hugathome-visit grant="…" lang="de">`.
 *
 * `grant` is read once, whenever it is set, and then taken out of the document.
 */
export interface HugathomeVisit extends HTMLElement {
  readonly dataset: DOMStringMap & { state?: VisitState; link?: VisitLink };
  /**
   * Send a message of your own to everybody else inside: at most 4,096 bytes of JSON. There is no answer but
   * `hugathome-refused`; what is said while the connection is away is sent once it is back.
   */
  publish(topic: string, data?: unknown): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "hugathome-visit": HugathomeVisit;
  }
  interface GlobalEventHandlersEventMap extends HugathomeEventMap {}
}

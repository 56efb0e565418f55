/** The element and the frame as a host's own page writes them; `test_element.py` has it checked. */
import type { Announced, HugathomeMessage, HugathomeVisit, VisitLink, VisitState } from "../../src/hugathome/browser/element";

export function embedded(grant: string, shown: (line: string) => void): HugathomeVisit {
  const visit = document.createElement("hugathome-visit");
  visit.setAttribute("grant", grant);
  visit.lang = "de";
  visit.addEventListener("hugathome-state", ({ detail }) => shown(stateInWords(detail.state)));
  visit.addEventListener("hugathome-ended", (event) => shown(event.detail.outcome ?? "no outcome"));
  visit.addEventListener("click", (event) => shown(String(event.clientX)));
  const forget = (event: CustomEvent<Announced["left"]>): void => shown(event.type);
  visit.addEventListener("hugathome-left", forget, { once: true });
  visit.removeEventListener("hugathome-left", forget);
  document.body.append(visit);
  return visit;
}

/** Events bubble: one listener is enough for everything that a page embeds. */
export function watched(shown: (line: string) => void): void {
  document.addEventListener("hugathome-problem", ({ detail }) => shown(detail.kind));
  document.body.addEventListener("hugathome-link", ({ detail }) => shown(linkInWords(detail.link)));
}

export function found(): VisitState | undefined {
  return document.querySelector("hugathome-visit")?.dataset.state;
}

export function heard(origin: string, shown: (line: string) => void): void {
  addEventListener("message", (event: MessageEvent<HugathomeMessage>) => {
    if (event.origin !== origin || event.data.source !== "hugathome") return;
    const message = event.data;
    if (message.name === "ended") shown(message.detail.outcome ?? "no outcome");
    else shown(message.name);
  });
}

export const NAMES: readonly (keyof Announced)[] = [
  "state", "link", "joined", "left", "ended", "ring", "text", "problem",
];

function stateInWords(state: VisitState): string {
  return state === "waiting" ? "in the waiting room" : state;
}

function linkInWords(link: VisitLink): string {
  return link === "live" ? "connected" : "not connected";
}

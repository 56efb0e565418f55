/** The visit as a part of the page that comes late: its view, and what shows something in it. */
import { visit } from "./markup-inside.js";
import { Stage } from "./stage.js";
import { Talk } from "./talk.js";

/** Put the view where it belongs, and return its parts. */
export function inside(elements) {
  elements.one('[data-view="ended"]').before(visit());
  return { stage: new Stage(elements), talk: new Talk(elements) };
}

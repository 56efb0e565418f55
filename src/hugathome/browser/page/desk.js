/** The desk as a part of the page that comes late: what those alone see who let people in, or end the visit. */
import { Ending } from "./ending.js";
import { endControl, ending, panels, peopleControl, seat } from "./markup-desk.js";
import { People } from "./people.js";

/** Put what belongs to it into the view of the visit, and return its parts. */
export function desk(elements) {
  const controls = elements.one("[data-controls]");
  elements.one("[data-ringing]").after(seat());
  elements.one("[data-side]").prepend(panels());
  elements.control("text-panel").before(peopleControl());
  controls.append(endControl());
  controls.after(ending());
  return { people: new People(elements), ending: new Ending(elements) };
}

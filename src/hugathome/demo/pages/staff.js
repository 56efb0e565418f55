/** What the staff of a visit see: how it stands, who takes part, where they are, and the doors to the room. */
import { element, redraw, setText } from "./drawing.js";
import { isOver, standing, waits, whereabouts } from "./told.js";

/** Show a visit below a root, or that none is planned. */
export function showStaff(root, visit) {
  root.querySelector("[data-no-visit]").hidden = Boolean(visit);
  root.querySelector("[data-visit]").hidden = !visit;
  if (!visit) return;
  const state = root.querySelector("[data-state-text]");
  setText(state, standing(visit));
  state.dataset.status = visit.status;
  const people = visit.people.map((one) => ({ ...one, visit: visit.id, isOver: isOver(visit) }));
  redraw(root.querySelector("[data-people]"), people, row);
}

function row(one) {
  const made = element("div", "person");
  made.dataset.person = one.id;
  const where = element("span", "quiet", whereabouts(one));
  if (waits(one)) where.dataset.waits = "";
  const who = element("span", "who");
  who.append(element("strong", "", one.name), where);
  made.append(who);
  if (one.role !== "patient" && !one.isOver) made.append(door(one));
  return made;
}

/** Return the way into the room: a form, for a grant is signed at the click and no script opens the tab. */
function door({ visit, id, name, role }) {
  const isClinician = role === "practitioner";
  const way = element("form");
  way.method = "post";
  way.action = `visits/${visit}/room/${id}`;
  way.target = "_blank";
  const button = element("button", isClinician ? "primary" : "", isClinician ? "Open the room" : "Open their page");
  button.dataset.action = "open-room";
  button.setAttribute("aria-label", `${button.textContent} as ${name}, in a new tab`);
  way.append(button);
  return way;
}

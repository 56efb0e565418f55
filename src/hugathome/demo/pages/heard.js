/** The events of a visit, as they happen: in a sentence, and as software reads them. */
import { element } from "./drawing.js";
import { raw, told } from "./told.js";

/** The list of events below a root. */
export class Heard {
  constructor(root) {
    this.list = root.querySelector("[data-events]");
    this.empty = root.querySelector("[data-no-event]");
    this.visit = "";
    this.position = 0;
  }

  /** Show the events of a visit, oldest first; those that are shown already stay as they are. */
  show(visit, events) {
    const id = visit ? visit.id : "";
    if (this.visit !== id) this.begin(id);
    const names = visit ? Object.fromEntries(visit.people.map((one) => [one.id, one.name])) : {};
    const fresh = events.filter((event) => event.position > this.position);
    for (const event of fresh) this.list.append(row(event, names));
    if (fresh.length) this.position = fresh[fresh.length - 1].position;
    if (fresh.length) this.list.scrollTop = this.list.scrollHeight;
    this.empty.hidden = events.length > 0;
  }

  begin(id) {
    this.visit = id;
    this.position = 0;
    this.list.textContent = "";
  }
}

function row(event, names) {
  const made = element("li");
  made.dataset.event = event.position;
  const time = element("time", "quiet", new Date(event.at).toLocaleTimeString("en-GB"));
  time.dateTime = event.at;
  made.append(time, element("span", "", told(event, names)), element("code", "", raw(event)));
  return made;
}

/** What an event says, in a sentence; one that is not known here keeps its own name. */

const ACTIONS = {
  plan: "The visit is planned",
  accept: "{who} accepts a remote visit",
  withdraw: "{who} takes the consent back",
  invite: "{who} is invited",
  deliver: "SMS to {who}: {delivery}",
  "check-in": "{who} typed the right code",
  identify: "{who} is identified",
  arrive: "{who} arrives",
  call: "{who} is called",
  take: "Somebody takes the patient from the queue",
  transfer: "The visit is handed on",
  join: "Somebody joins the visit",
  admit: "{who} is let in",
  deny: "{who} is turned away",
  "return-to-waiting": "{who} goes back to the waiting room",
  depart: "{who} leaves",
  remove: "{who} is put out",
  hold: "The visit is on hold",
  resume: "The visit goes on",
  reschedule: "The visit is put off",
  confirm: "The time is booked",
  "take-on": "The expert takes it on",
  decline: "The expert declines",
  "give-opinion": "The expert gives an opinion",
  extend: "The door stays open longer",
  "change-modality": "The visit goes on by {modality}",
  complete: "The visit ends: {outcome}",
  discontinue: "The visit is broken off",
  cancel: "The visit is cancelled",
  erase: "What was personal is erased",
};
const STEPS = {
  "page-opened": "{who} opened the link",
  "code-asked": "{who} asked for a code",
  "code-refused": "{who} typed a wrong code",
  "devices-allowed": "{who} allowed camera and microphone",
  "devices-refused": "{who} has no camera or microphone",
  "screen-off": "The screen of {who} is off",
  "screen-on": "The screen of {who} is on again",
  "media-connected": "{who} sees and hears the others",
  "media-failed": "The connection of {who} failed",
  "call-me-back": "{who} asks to be called back",
  "call-answered": "{who} answered the call",
};
const PRESENCES = {
  expected: "expected",
  arrived: "in the waiting room",
  admitted: "in the visit",
  departed: "has left",
  removed: "was put out",
  denied: "was turned away",
};
const STATUSES = {
  planned: "Planned",
  "in-progress": "In progress",
  "on-hold": "On hold",
  completed: "Completed",
  discontinued: "Broken off",
  cancelled: "Cancelled",
};

/** Return the sentence of an event; `names` are the participants' by id. */
export function told(event, names) {
  const known = event.action === "step" ? STEPS[event.step] : ACTIONS[event.action];
  const said = known || raw(event);
  const facts = { ...event, who: names[event.participant] || "Somebody" };
  return said.replace(/\{(\w+)\}/g, (place, name) => spaced(facts[name] || "done"));
}

/** Return an event as the host's software reads it. */
export function raw(event) {
  return [event.action, event.participant, event.step || event.delivery || event.outcome]
    .filter(Boolean)
    .join(" ");
}

/** Return where somebody is, in words; whoever enters by right is inside as soon as they arrive. */
export function whereabouts({ role, presence }) {
  const isInside = presence === "arrived" && !waits({ role, presence });
  return isInside ? PRESENCES.admitted : PRESENCES[presence] || presence;
}

/** Whether somebody waits to be let in. */
export function waits({ role, presence }) {
  return presence === "arrived" && role !== "practitioner";
}

/** Whether nothing more can happen to a visit. */
export function isOver({ status }) {
  return ["completed", "discontinued", "cancelled"].includes(status);
}

/** Return how a visit stands, in words. */
export function standing({ status, outcome }) {
  const said = STATUSES[status] || status;
  return outcome ? `${said}: ${spaced(outcome)}` : said;
}

function spaced(word) {
  return word.replace(/-/g, " ");
}

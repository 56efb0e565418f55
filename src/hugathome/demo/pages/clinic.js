/** The clinic's page: plans visits, shows the patient's phone, the doors of the staff and the events. */
import { eventsOf, follow, messagesOf } from "./board.js";
import { element, Phone, timeOf } from "./phone.js";
import { raw, standing, told, waits, whereabouts } from "./told.js";

const OVER = ["completed", "discontinued", "cancelled"];
const HINTS = {
  now: "The SMS brings the link and the code.",
  later: "The SMS brings the link. The door opens in half a minute; then the patient asks for the code.",
  tomorrow: "The SMS brings the link. Until tomorrow, the page behind it says when to come.",
  phone: "The SMS says that the clinician calls. There is no link to open.",
};
const ROBOT = {
  expected: "The robot reads the SMS and types the code.",
  arrived: "The robot waits, with moving picture and sound. Let it in from the clinician’s room.",
  admitted: "The robot is in the visit.",
};
const WINDOW = "popup,width=390,height=844";

const $ = (name) => document.querySelector(`[data-${name}]`);
const action = (name) => document.querySelector(`[data-action=${name}]`);
const phone = new Phone($("messages").closest("section"), { newWindow: true });
const form = $("plan");

let board = { visits: [], messages: [], events: [] };
let chosen = null;

// --- Asking ---------------------------------------------------------------------------------------

async function ask(path, body) {
  say("");
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }).catch(() => null);
  const answer = response ? await response.json().catch(() => ({})) : {};
  if (!response || !response.ok) say(answer.detail || "That did not work. Please try again.");
  return response && response.ok ? answer : null;
}

function say(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const planned = await ask("visits", {
    modality: fields.get("modality"),
    when: fields.get("when"),
    language: fields.get("language"),
    guests: fields.getAll("guests"),
  });
  if (!planned) return;
  chosen = planned.id;
  show(board);
  $("patient-title").parentElement.focus();
});

form.addEventListener("change", hint);

function hint() {
  const fields = new FormData(form);
  $("hint").textContent = HINTS[fields.get("modality") === "phone" ? "phone" : fields.get("when")];
}

action("open-phone").addEventListener("click", () => {
  window.open(action("open-tab").href, "patient", WINDOW);
});

action("robot").addEventListener("click", () => {
  const visit = current();
  if (visit) ask(`visits/${visit.id}/robot`, { robot: visit.robot === "here" ? "home" : "here" });
});

// --- Showing --------------------------------------------------------------------------------------

function current() {
  return board.visits.find((visit) => visit.id === chosen);
}

function show(newest) {
  board = newest;
  if (!chosen && board.visits.length) chosen = board.visits[board.visits.length - 1].id;
  const visit = current();
  showPhone(visit);
  showVisits();
  showStaff(visit);
  showEvents(visit);
}

function showPhone(visit) {
  const messages = messagesOf(board, visit);
  phone.show(messages, visit);
  const link = messages.map((message) => message.link).filter(Boolean).pop();
  $("patient-title").textContent = visit ? person(visit, "patient").name : "The patient";
  $("doors").hidden = !link || OVER.includes(visit.status);
  if (link) action("open-tab").href = new URL(link).pathname; // here the page needs no certificate
  const isHere = Boolean(visit) && visit.robot === "here";
  setText(action("robot"), isHere ? "Send the robot home" : "Let a robot be the patient");
  setText($("patient-hint"), patientHint(visit, messages, link));
}

function patientHint(visit, messages, link) {
  if (!visit || !messages.length) return "";
  if (visit.robot === "here") return ROBOT[person(visit, "patient").presence] || ROBOT.expected;
  if (visit.robot) return `The robot could not come in: ${visit.robot}`;
  return link ? "" : "A visit by telephone: nothing to open. The clinician calls.";
}

function showVisits() {
  $("planned").hidden = board.visits.length < 2;
  redraw($("visits"), board.visits.slice().reverse(), (visit) => {
    const button = element("button", "visit");
    button.type = "button";
    button.dataset.choose = visit.id;
    button.setAttribute("aria-pressed", String(visit.id === chosen));
    const name = element("strong");
    name.textContent = person(visit, "patient").name;
    const how = element("span", "quiet");
    how.textContent = `${visit.modality === "phone" ? "Telephone" : "Video"}, ${dayOf(visit)} · ${standing(visit)}`;
    button.append(name, how);
    button.addEventListener("click", () => {
      chosen = visit.id;
      show(board);
    });
    return button;
  });
}

function dayOf(visit) {
  const starts = new Date(visit.startsAt);
  const isToday = starts.toDateString() === new Date().toDateString();
  return isToday ? timeOf(starts) : `${starts.toLocaleDateString("en-GB")} ${timeOf(starts)}`;
}

function showStaff(visit) {
  $("no-visit").hidden = Boolean(visit);
  $("visit").hidden = !visit;
  if (!visit) return;
  setText($("state-text"), standing(visit));
  $("state-text").dataset.status = visit.status;
  redraw($("people"), visit.people, (one) => personRow(visit, one));
}

function personRow(visit, one) {
  const row = element("div", "person");
  row.dataset.person = one.id;
  const who = element("span", "who");
  const name = element("strong");
  name.textContent = one.name;
  const where = element("span", "quiet");
  where.textContent = whereabouts(one);
  if (waits(one)) where.dataset.waits = "";
  who.append(name, where);
  row.append(who);
  if (one.role !== "patient" && !OVER.includes(visit.status)) row.append(door(visit, one));
  return row;
}

/** Return the way into the room: a form, for a grant is signed at the click and no script opens the tab. */
function door(visit, one) {
  const way = element("form");
  way.method = "post";
  way.action = `visits/${visit.id}/room/${one.id}`;
  way.target = "_blank";
  const button = element("button", one.role === "practitioner" ? "primary" : "");
  button.dataset.action = "open-room";
  button.textContent = one.role === "practitioner" ? "Open the room" : "Open their page";
  button.setAttribute("aria-label", `${button.textContent} as ${one.name}, in a new tab`);
  way.append(button);
  return way;
}

let eventsShown = "";

function showEvents(visit) {
  const events = eventsOf(board, visit);
  const list = $("events");
  if (eventsShown !== (visit && visit.id)) list.textContent = "";
  eventsShown = visit && visit.id;
  const names = visit ? Object.fromEntries(visit.people.map((one) => [one.id, one.name])) : {};
  const last = Number(list.lastElementChild ? list.lastElementChild.dataset.event : 0);
  const fresh = events.filter((event) => event.position > last);
  for (const event of fresh) list.append(eventRow(event, names));
  $("no-event").hidden = events.length > 0;
  if (fresh.length) list.scrollTop = list.scrollHeight;
}

function eventRow(event, names) {
  const row = element("li");
  row.dataset.event = event.position;
  const time = element("time", "quiet");
  time.dateTime = event.at;
  time.textContent = new Date(event.at).toLocaleTimeString("en-GB");
  const said = element("span");
  said.textContent = told(event, names);
  const code = element("code");
  code.textContent = raw(event);
  row.append(time, said, code);
  return row;
}

// --- Small things ---------------------------------------------------------------------------------

function person(visit, role) {
  return visit.people.find((one) => one.role === role);
}

/** Draw a list anew where it has changed, and leave the keyboard where it was. */
function redraw(list, things, draw) {
  const key = JSON.stringify([things, chosen]);
  if (list.dataset.drawn === key) return;
  list.dataset.drawn = key;
  const focused = Array.from(list.querySelectorAll("button")).indexOf(document.activeElement);
  list.textContent = "";
  for (const thing of things) {
    const item = element("li");
    item.append(draw(thing));
    list.append(item);
  }
  const again = list.querySelectorAll("button")[focused];
  if (again) again.focus();
}

/** Set a text only where it is another: what is announced is announced once. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tick() {
  setText($("clock"), timeOf(new Date()));
}

async function offerRealPhone() {
  const { url } = await (await fetch("phone")).json();
  $("real").hidden = !url;
  $("no-real").hidden = Boolean(url);
  if (!url) return;
  $("qr").src = "phone.svg";
  $("phone-url").textContent = url;
}

hint();
tick();
setInterval(tick, 5000);
offerRealPhone();
follow(show, (isLive) => {
  document.body.dataset.link = isLive ? "live" : "reconnecting";
  $("lost").hidden = isLive;
});

/** The clinic's page: plans visits, shows the patient's phone, the doors of the staff and the events. */
import { eventsOf, follow, messagesOf } from "./board.js";
import { element, redraw, setText } from "./drawing.js";
import { Heard } from "./heard.js";
import { Phone, timeOf } from "./phone.js";
import { showStaff } from "./staff.js";
import { isOver, standing } from "./told.js";

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
const heard = new Heard($("events").closest("section"));
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
  showStaff($("people").closest("section"), visit);
  heard.show(visit, eventsOf(board, visit));
}

function showPhone(visit) {
  const messages = messagesOf(board, visit);
  phone.show(messages, visit);
  const link = messages.map((message) => message.link).filter(Boolean).pop();
  $("patient-title").textContent = visit ? person(visit, "patient").name : "The patient";
  $("doors").hidden = !link || isOver(visit);
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
  const visits = board.visits.map((visit) => ({ ...visit, isChosen: visit.id === chosen }));
  redraw($("visits"), visits.reverse(), choice);
}

function choice(visit) {
  const button = element("button", "visit");
  button.type = "button";
  button.dataset.choose = visit.id;
  button.setAttribute("aria-pressed", String(visit.isChosen));
  const how = `${visit.modality === "phone" ? "Telephone" : "Video"}, ${dayOf(visit)} · ${standing(visit)}`;
  button.append(element("strong", "", person(visit, "patient").name), element("span", "quiet", how));
  button.addEventListener("click", () => {
    chosen = visit.id;
    show(board);
  });
  return button;
}

function dayOf(visit) {
  const starts = new Date(visit.startsAt);
  const isToday = starts.toDateString() === new Date().toDateString();
  return isToday ? timeOf(starts) : `${starts.toLocaleDateString("en-GB")} ${timeOf(starts)}`;
}

// --- Small things ---------------------------------------------------------------------------------

function person(visit, role) {
  return visit.people.find((one) => one.role === role);
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

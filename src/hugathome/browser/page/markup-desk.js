/** What those alone see who let people in: who is there, the telephone, the host's seat, the end. */
import { icon } from "./icons.js";
import { nodes } from "./markup.js";

const PANELS = `
<section class="panel" data-phone-panel hidden>
  <h2 class="line">${icon("phone")}<span data-word="byPhoneTitle"></span></h2>
  <p data-word="byPhoneSteps"></p>
  <label for="whom" data-word="whom"></label>
  <select id="whom" data-action="choose-whom"></select>
  <button type="button" data-action="code-for" data-word="codeFor"></button>
  <form data-identify-form novalidate>
    <label for="how" data-word="identityHow"></label>
    <select id="how" data-action="choose-how"></select>
    <label for="proof" data-proof-label></label>
    <input id="proof" autocomplete="off" maxlength="200">
    <button class="primary" type="submit" data-action="identify" data-word="identify"></button>
  </form>
  <p class="good" data-phone-said role="status" hidden></p>
</section>
<section class="panel" data-people-panel hidden>
  <h2 class="line">${icon("people")}<span data-word="people"></span></h2>
  <ul class="people" data-people></ul>
  <div class="modality" role="group" aria-labelledby="modality">
    <h3 id="modality" data-word="modality"></h3>
    <button type="button" data-action="modality-video">${icon("camera")}<span data-word="byVideo"></span></button>
    <button type="button" data-action="modality-audio">${icon("speaker")}<span data-word="byAudio"></span></button>
    <button type="button" data-action="modality-phone">${icon("phone")}<span data-word="byTelephone"></span></button>
  </div>
</section>`;

const SEAT = `
<div class="notice" data-seat role="alert" hidden>
  <p data-seat-text></p>
  <button class="primary" type="button" data-action="take-seat" data-word="takeSeat"></button>
  <button type="button" data-action="decline-seat" data-word="declineSeat"></button>
</div>`;

const PEOPLE = `<button type="button" data-action="people-panel" hidden>${icon("people")}<span data-word="people"></span></button>`;

const END = `<button class="danger" type="button" data-action="end" hidden>${icon("end")}<span data-word="end"></span></button>`;

const ENDING = `
<div class="ending" role="dialog" aria-modal="true" aria-labelledby="ending" data-ending hidden>
  <h2 id="ending" data-word="endTitle"></h2>
  <label for="outcome" data-word="outcome"></label>
  <select id="outcome" data-outcome></select>
  <button class="danger" type="button" data-action="confirm-end" data-word="confirmEnd"></button>
  <button type="button" data-action="keep-on" data-word="keepOn"></button>
</div>`;

const PERSON = `
<li class="person">
  <p class="who"><b data-name dir="auto"></b><span class="how" data-how></span><span class="last" data-last></span></p>
  <div class="acts">
    <button class="primary" type="button" data-action="admit" data-word="admit"></button>
    <button type="button" data-action="call">${icon("bell")}<span data-label></span></button>
    <button type="button" data-action="offer-seat" data-word="offerSeat"></button>
    <button type="button" data-action="keep-seat" data-word="keepSeat"></button>
    <details>
      <summary class="button" data-action="more">${icon("more")}<span class="unseen" data-word="more"></span></summary>
      <button type="button" data-action="return-to-waiting" data-word="returnToWaiting"></button>
      <button type="button" data-action="deny" data-word="deny"></button>
      <button type="button" data-action="remove" data-word="remove"></button>
    </details>
  </div>
</li>`;

/** Return the panels beside the picture. */
export const panels = () => nodes(PANELS);

/** Return what asks whether one takes the host's seat. */
export const seat = () => nodes(SEAT);

/** Return the control that opens and closes the list of people. */
export const peopleControl = () => nodes(PEOPLE);

/** Return the control that ends the visit. */
export const endControl = () => nodes(END);

/** Return the question whether it is to end. */
export const ending = () => nodes(ENDING);

/** Return one entry of the list of people. */
export const person = () => nodes(PERSON).firstElementChild;

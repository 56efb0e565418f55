/**
 * What the pages are made of: one view for each state, with the hooks that tests and the other modules know.
 *
 * It is written once and carries neither words nor data: `data-word` says which word belongs where, and
 * whoever shows something fills it in as text. Identifiers are looked up inside the page's root only.
 */
import { icon } from "./icons.js";

const ABOVE = `
<p class="unseen" data-said role="status"></p>
<p class="notice" data-notice role="alert" hidden></p>
<div class="notice" data-reconnecting role="status" hidden>
  <span data-link-text></span>
  <button type="button" data-action="retry" data-word="retry" hidden></button>
</div>
<div class="notice ring" data-ringing role="alert" hidden>
  <span class="line">${icon("bell")}<strong data-word="ringing"></strong></span>
  <button class="primary" type="button" data-action="answer" data-word="answer"></button>
</div>
<div class="notice" data-seat role="alert" hidden>
  <p data-seat-text></p>
  <button class="primary" type="button" data-action="take-seat" data-word="takeSeat"></button>
  <button type="button" data-action="decline-seat" data-word="declineSeat"></button>
</div>`;

const LOADING = `
<section class="card loading" data-view="loading"><p data-word="loading"></p></section>`;

const CODE = `
<section class="card" data-view="code" hidden>
  <p class="step" data-step="1"></p>
  <h1 tabindex="-1" data-code-title></h1>
  <p class="when"><span data-starts-day></span> <strong class="line">${icon("clock")}<span data-starts-clock></span></strong></p>
  <p class="lead" data-early hidden></p>
  <form data-code-form novalidate>
    <p data-word="codeText"></p>
    <button type="button" data-action="send-code"></button>
    <button type="button" data-action="call-with-code" data-word="callCode" hidden></button>
    <p class="good" data-code-said role="status" hidden></p>
    <label for="code" data-word="codeLabel"></label>
    <input id="code" name="code" autocomplete="one-time-code" inputmode="numeric" enterkeyhint="go" maxlength="20" required>
    <button class="primary" type="submit" data-action="check-in" data-word="checkIn"></button>
  </form>
</section>`;

const DEVICES = `
<section class="card" data-view="devices" hidden>
  <p class="step" data-step="2"></p>
  <h1 tabindex="-1" data-devices-title></h1>
  <p class="lead" data-devices-text role="status"></p>
  <div class="preview" data-preview hidden><video data-self autoplay muted playsinline></video></div>
  <div class="advice" data-devices-how hidden>
    <p data-devices-how-text></p>
    <input data-page-link readonly hidden>
    <button type="button" data-action="copy-link" hidden>${icon("copy")}<span data-word="copyLink"></span></button>
    <button type="button" data-action="retry-devices" data-word="again"></button>
  </div>
  <div class="check" data-level-row hidden>
    ${icon("microphone")}<span data-level-text role="status"></span>
    <span class="level" aria-hidden="true"><i data-level></i></span>
  </div>
  <div class="check" data-sound-row>
    ${icon("speaker")}<span data-sound-text role="status"></span>
    <button type="button" data-action="test-sound" data-word="testSound"></button>
  </div>
  <button class="primary" type="button" data-action="join"></button>
  <details data-choices hidden>
    <summary data-action="choices" data-word="choices"></summary>
    <div><label for="camera" data-word="camera"></label><select id="camera" data-action="choose-camera"></select></div>
    <div><label for="microphone" data-word="microphone"></label><select id="microphone" data-action="choose-microphone"></select></div>
    <div><label for="speaker" data-word="speaker"></label><select id="speaker" data-action="choose-speaker"></select></div>
  </details>
</section>`;

const WAITING = `
<section class="card" data-view="waiting" hidden>
  <p class="step" data-step="3"></p>
  <h1 tabindex="-1" data-word="waitingTitle"></h1>
  <p class="lead line" role="status"><span class="pulse" aria-hidden="true"></span><span data-waiting-text></span></p>
  <div class="preview small" data-preview hidden><video data-self autoplay muted playsinline></video></div>
  <ul class="facts">
    <li>${icon("clock")}<span data-waiting-since></span></li>
    <li>${icon("bell")}<span data-word="waitingRing"></span></li>
    <li>${icon("check")}<span data-word="waitingPlace"></span></li>
  </ul>
  <button type="button" data-action="leave">${icon("leave")}<span data-word="leave"></span></button>
</section>`;

const PHONE_PANEL = `
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
</section>`;

const SIDE = `
<aside class="side" data-side hidden>
  ${PHONE_PANEL}
  <section class="panel" data-people-panel hidden>
    <h2 class="line">${icon("people")}<span data-word="people"></span></h2>
    <ul class="people" data-people></ul>
    <div class="modality" role="group" aria-labelledby="modality">
      <h3 id="modality" data-word="modality"></h3>
      <button type="button" data-action="modality-video">${icon("camera")}<span data-word="byVideo"></span></button>
      <button type="button" data-action="modality-audio">${icon("speaker")}<span data-word="byAudio"></span></button>
      <button type="button" data-action="modality-phone">${icon("phone")}<span data-word="byTelephone"></span></button>
    </div>
  </section>
  <section class="panel talk" data-talk hidden>
    <h2 class="line">${icon("message")}<span data-word="messages"></span></h2>
    <ol class="texts" data-texts tabindex="0" aria-labelledby="texts"></ol>
    <p class="unseen" id="texts" data-word="messages"></p>
    <p data-no-texts data-word="noTexts"></p>
    <form data-text-form>
      <label class="unseen" for="text" data-word="message"></label>
      <textarea id="text" rows="2" dir="auto" data-text></textarea>
      <button class="primary" type="submit" data-action="send-text">${icon("send")}<span data-word="sendText"></span></button>
    </form>
  </section>
</aside>`;

const CONTROLS = `
<nav class="controls" data-controls>
  <button type="button" data-action="mute"><span class="on">${icon("microphone")}</span><span class="off">${icon("microphone", "off")}</span><span data-label></span></button>
  <button type="button" data-action="camera"><span class="on">${icon("camera")}</span><span class="off">${icon("camera", "off")}</span><span data-label></span></button>
  <button type="button" data-action="flip" hidden>${icon("flip")}<span data-word="flip"></span></button>
  <button type="button" data-action="screen" hidden>${icon("screen")}<span data-label></span></button>
  <button type="button" data-action="people-panel" hidden>${icon("people")}<span data-word="people"></span></button>
  <button type="button" data-action="text-panel" aria-expanded="false">${icon("message")}<span data-word="messages"></span><b class="count" data-unread hidden></b></button>
  <button type="button" data-action="leave">${icon("leave")}<span data-word="leave"></span></button>
  <button class="danger" type="button" data-action="end" hidden>${icon("end")}<span data-word="end"></span></button>
</nav>`;

const ENDING = `
<div class="ending" role="dialog" aria-modal="true" aria-labelledby="ending" data-ending hidden>
  <h2 id="ending" data-word="endTitle"></h2>
  <label for="outcome" data-word="outcome"></label>
  <select id="outcome" data-outcome></select>
  <button class="danger" type="button" data-action="confirm-end" data-word="confirmEnd"></button>
  <button type="button" data-action="keep-on" data-word="keepOn"></button>
</div>`;

const VISIT = `
<section class="visit" data-view="visit" hidden>
  <h1 class="unseen" tabindex="-1" data-word="visitTitle"></h1>
  <div class="stage">
    <div class="tiles" data-tiles></div>
    <div class="alone"><span>${icon("phone")}</span><p data-alone></p></div>
    <video class="self" data-self autoplay muted playsinline hidden></video>
    <p class="advice" data-quality-advice role="status" hidden></p>
    <button class="primary hear" type="button" data-action="hear" hidden>${icon("speaker")}<span data-word="hear"></span></button>
  </div>
  ${SIDE}
  ${CONTROLS}
  ${ENDING}
</section>`;

const ENDED = `
<section class="card" data-view="ended" hidden>
  <p class="seal" aria-hidden="true">${icon("check")}</p>
  <h1 tabindex="-1" data-ended-title></h1>
  <p class="lead" data-ended-text></p>
  <button class="primary" type="button" data-action="join" data-word="comeBack"></button>
  <a class="button" data-back data-action="back" data-word="back" hidden></a>
  <button type="button" data-action="forget" data-word="forget"></button>
</section>`;

const ERROR = `
<section class="card" data-view="error" hidden>
  <p class="seal problem" aria-hidden="true">${icon("alert")}</p>
  <h1 tabindex="-1" data-word="errorTitle"></h1>
  <p class="lead" data-error-text></p>
  <button class="primary" type="button" data-action="again" data-word="again"></button>
  <a class="button" data-back data-action="back" data-word="back" hidden></a>
</section>`;

const AID = `
<section class="card aid" data-aid hidden>
  <h2 data-word="aidTitle"></h2>
  <a class="button" data-help-call data-action="phone-us" hidden>${icon("phone")}<span><span data-word="phoneUs"></span> <span data-help-number></span></span></a>
  <button type="button" data-action="call-me-back">${icon("phone")}<span data-word="callMeBack"></span></button>
  <p class="good" data-called-back role="status" hidden></p>
</section>`;

const VIEWS = ABOVE + LOADING + CODE + DEVICES + WAITING + VISIT + ENDED + ERROR + AID;

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

const TILE = `
<div class="tile">
  <video autoplay playsinline></video>
  <div class="veil"><b data-initials aria-hidden="true"></b><span data-veil></span></div>
  <div class="labels">
    <p class="plate"><span class="muted" data-muted hidden>${icon("microphone", "off")}<span class="unseen" data-word="muted"></span></span><b data-name dir="auto"></b> <span data-role></span></p>
    <p class="badge" data-badge hidden><i aria-hidden="true"></i><span data-badge-text></span></p>
  </div>
</div>`;

const TEXT = `<li class="text"><p class="by"><b data-by dir="auto"></b> <time data-at></time></p><p data-words dir="auto"></p></li>`;

const HELPLINE = `
<p class="helpline">
  <a class="help" data-help data-action="help" hidden><span data-word="help"></span><span class="unseen"> </span><span data-help-phone></span></a>
</p>`;

/** Return the views as nodes that are in no document yet. */
export const views = () => nodes(VIEWS);

/** Return whom to call, for a root without a header that says so. */
export const helpline = () => nodes(HELPLINE);

/** Return one entry of the clinician's list. */
export const person = () => nodes(PERSON).firstElementChild;

/** Return the tile of one other participant. */
export const tile = () => nodes(TILE).firstElementChild;

/** Return one text message. */
export const text = () => nodes(TEXT).firstElementChild;

function nodes(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return document.importNode(template.content, true);
}

/**
 * What the pages are made of: one view for each state, with the hooks that tests and the other modules know. What only
 * a visit needs comes late, in `markup-inside.js` and `markup-desk.js`.
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

const VIEWS = ABOVE + LOADING + CODE + DEVICES + WAITING + ENDED + ERROR + AID;

const HELPLINE = `
<p class="helpline">
  <a class="help" data-help data-action="help" hidden><span data-word="help"></span><span class="unseen"> </span><span data-help-phone></span></a>
</p>`;

/** Return the views as nodes that are in no document yet. */
export const views = () => nodes(VIEWS);

/** Return whom to call, for a root without a header that says so. */
export const helpline = () => nodes(HELPLINE);

/** Return nodes of this markup that are in no document yet. */
export function nodes(markup) {
  const template = document.createElement("template");
  template.innerHTML = markup;
  return document.importNode(template.content, true);
}

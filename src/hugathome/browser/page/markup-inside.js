/** What the visit is made of: its view, the tile of each other participant, one text message. */
import { icon } from "./icons.js";
import { nodes } from "./markup.js";

const SIDE = `
<aside class="side" data-side hidden>
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
  <button type="button" data-action="text-panel" aria-expanded="false">${icon("message")}<span data-word="messages"></span><b class="count" data-unread hidden></b></button>
  <button type="button" data-action="leave">${icon("leave")}<span data-word="leave"></span></button>
</nav>`;

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
</section>`;

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

/** Return the view of the visit. */
export const visit = () => nodes(VISIT);

/** Return the tile of one other participant. */
export const tile = () => nodes(TILE).firstElementChild;

/** Return one text message. */
export const text = () => nodes(TEXT).firstElementChild;

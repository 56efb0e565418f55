/**
 * What the pages are made of: one view for each state, with the hooks that tests and the other modules know.
 *
 * It is written once and carries neither words nor data: `data-word` says which word belongs where. Whoever
 * shows something fills it in as text.
 */
const VIEWS = `
<p class="notice" data-notice role="alert" hidden></p>
<p class="notice" data-reconnecting data-word="reconnecting" role="status" hidden></p>
<div class="notice ring" data-ringing role="alert" hidden>
  <span data-word="ringing"></span>
  <button class="primary" type="button" data-action="answer" data-word="answer"></button>
</div>

<section class="card" data-view="code" hidden>
  <h1 tabindex="-1" data-word="title"></h1>
  <p data-starts></p>
  <p data-early hidden></p>
  <form data-code-form novalidate>
    <p data-word="codeText"></p>
    <button type="button" data-action="send-code"></button>
    <label for="code" data-word="codeLabel"></label>
    <input id="code" name="code" autocomplete="one-time-code" inputmode="numeric" enterkeyhint="go" maxlength="20" required>
    <button class="primary" type="submit" data-action="check-in" data-word="checkIn"></button>
  </form>
</section>

<section class="card" data-view="devices" hidden>
  <h1 tabindex="-1" data-word="devicesTitle"></h1>
  <p data-devices-text role="status"></p>
  <video class="preview" data-self autoplay muted playsinline hidden></video>
  <button class="primary" type="button" data-action="join" data-word="join"></button>
</section>

<section class="card" data-view="waiting" hidden>
  <h1 tabindex="-1" data-word="waitingTitle"></h1>
  <p data-waiting-text role="status"></p>
  <video class="preview" data-self autoplay muted playsinline hidden></video>
  <button type="button" data-action="leave" data-word="leave"></button>
</section>

<section class="visit" data-view="visit" hidden>
  <h1 class="unseen" tabindex="-1" data-word="visitTitle"></h1>
  <div class="stage">
    <div class="tiles" data-tiles></div>
    <p class="alone" data-alone data-word="alone"></p>
    <video class="self" data-self autoplay muted playsinline hidden></video>
    <button class="primary hear" type="button" data-action="hear" data-word="hear" hidden></button>
  </div>
  <aside data-people-panel hidden>
    <h2 data-word="people"></h2>
    <ul data-people></ul>
  </aside>
  <div class="ending" role="dialog" aria-modal="true" aria-labelledby="ending" data-ending hidden>
    <h2 id="ending" data-word="endTitle"></h2>
    <label for="outcome" data-word="outcome"></label>
    <select id="outcome" data-outcome></select>
    <button class="danger" type="button" data-action="confirm-end" data-word="confirmEnd"></button>
    <button type="button" data-action="keep-on" data-word="keepOn"></button>
  </div>
  <nav class="controls" data-controls>
    <button type="button" data-action="mute" aria-pressed="false"></button>
    <button type="button" data-action="camera" aria-pressed="false"></button>
    <button type="button" data-action="leave" data-word="leave"></button>
    <button class="danger" type="button" data-action="end" data-word="end" hidden></button>
  </nav>
</section>

<section class="card" data-view="ended" hidden>
  <h1 tabindex="-1" data-ended-title></h1>
  <p data-ended-text></p>
  <button class="primary" type="button" data-action="join" data-word="comeBack"></button>
  <a class="button" data-back data-word="back" hidden></a>
  <button type="button" data-action="forget" data-word="forget"></button>
</section>

<section class="card" data-view="error" hidden>
  <h1 tabindex="-1" data-word="errorTitle"></h1>
  <p data-error-text></p>
  <button class="primary" type="button" data-action="again" data-word="again"></button>
  <a class="button" data-back data-word="back" hidden></a>
</section>
`;

/** Return the views as nodes that are in no document yet. */
export function views() {
  const template = document.createElement("template");
  template.innerHTML = VIEWS;
  return template.content;
}

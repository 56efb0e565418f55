/** Says on the clinic's own page where the visit stands: an element tells it in events, a frame in messages. */
const status = document.querySelector("[role=status]");
const { visits } = document.body.dataset;

function say(state) {
  status.textContent = `Consultation: ${state}`;
}

document.addEventListener("hugathome-state", ({ detail }) => say(detail.state));

addEventListener("message", ({ origin, data }) => {
  if (origin === visits && data.source === "hugathome" && data.name === "state") say(data.detail.state);
});

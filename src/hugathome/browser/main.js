/**
 * Our own page: finds out how one came, and gives the document to a guide.
 *
 * A framing page of a known origin is told what happens: `{ source: "hugathome", name, detail }`. It may send
 * messages of its own to the others inside: `{ target: "hugathome", topic, data }`.
 */
import { Guide } from "./guide.js";
import { Page } from "./page/page.js";

const body = document.body;

/** Read the address: a patient's names a link, the room's a grant or a visit that this browser knows. */
function way() {
  if (body.dataset.page === "patient") return { link: location.pathname.split("/").pop() };
  const [, how, what] = /^#(grant|visit)=(.+)$/.exec(location.hash) || [null, "visit", ""];
  // it stays in no history
  if (how === "grant") history.replaceState(null, "", location.pathname + location.search);
  return { [how]: what };
}

const framing = (body.dataset.frames || "").split(" ").filter(Boolean);

function announce(name, detail) {
  if (window.parent === window) return;
  for (const origin of framing) {
    window.parent.postMessage({ source: "hugathome", name, detail }, origin);
  }
}

const page = new Page(body, {
  introduced({ title, language, isLarge }) {
    document.title = title;
    document.documentElement.lang = language;
    document.documentElement.classList.toggle("is-large", isLarge);
  },
});
// this browser is young enough
page.ready.then(() => body.querySelector(".late").remove());
const placed = (visit) => history.replaceState(null, "", `#visit=${visit}`);
addEventListener("hashchange", () => location.hash.startsWith("#grant=") && location.reload());
const outdated = () => location.reload();
const guide = new Guide(page, way(), { announce, placed, outdated });
addEventListener("message", ({ origin, data }) => {
  if (framing.includes(origin) && data && data.target === "hugathome") guide.publish(data.topic, data.data);
});
guide.begin();

/** What a page asks of its host: POST and JSON, where these modules come from, under whatever prefix that is. */

/** This module lives in `browser/<release>/transport/`. */
const ROOT = new URL("../../../", import.meta.url);

/** Seconds that an answer may take: behind a silent proxy a request neither ends nor fails. */
const ANSWERED_WITHIN = 20;

/** Why something was refused; `kind` is the last word of the problem's type, or "offline". */
export class Problem extends Error {
  constructor(status, body) {
    super(`${status} ${body.type}`);
    this.name = "Problem";
    this.status = status;
    this.kind = (body.type || "").split(":").pop();
    this.body = body;
  }

  /** Whether asking again cannot help. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

/** Return the answer of `api/<name>`, or throw a `Problem`. */
export async function ask(name, question) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), 1000 * ANSWERED_WITHIN);
  try {
    const response = await fetch(new URL(`api/${name}`, ROOT), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      cache: "no-store",
      signal: patience.signal,
    });
    return answerOf(response, parsed(await response.text()));
  } catch (error) {
    throw error instanceof Problem ? error : new Problem(0, { type: "offline" });
  } finally {
    clearTimeout(timer);
  }
}

/** Return what was answered. A page in its place comes from something between us and our host. */
function answerOf({ ok, status }, body) {
  if (!ok) throw new Problem(status, body || {});
  if (body === null) throw new Problem(0, { type: "offline" });
  return body;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (malformed) {
    return null;
  }
}

/** Return the address of the signalling WebSocket. */
export function signalUrl() {
  const url = new URL("signal", ROOT);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

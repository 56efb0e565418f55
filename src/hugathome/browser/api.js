/** What a page asks of its host: POST and JSON, where these modules come from, under whatever prefix that is. */

/** The modules live in `browser/<release>/`. */
const ROOT = new URL("../../", import.meta.url);

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
  let response;
  try {
    response = await fetch(new URL(`api/${name}`, ROOT), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(question),
      cache: "no-store",
    });
  } catch (error) {
    throw new Problem(0, { type: "offline" });
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

/** Return the address of the signalling WebSocket. */
export function signalUrl() {
  const url = new URL("signal", ROOT);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}

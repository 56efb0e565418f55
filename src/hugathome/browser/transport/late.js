/**
 * Modules that come late: loaded when they are first needed, and again where they could not be had.
 *
 * Some browsers remember, as long as the page lives, that a module could not be had, and fail whatever needs it
 * without asking again. So each try after a failure goes by an address of its own, `browser/<release>.<number>/`,
 * where the server has the same files. Of a release that is served no more there is nothing: there a new page helps,
 * and nothing else.
 */
import { Problem } from "./api.js";

/** Seconds before each try but the first. */
const WAITS = [1, 3];
/** Seconds that a try may take: behind a silent proxy a request neither ends nor fails. */
export const LOADED_WITHIN = 30;

export class Late {
  /** `here` is the address of this module; `load(address)` imports, `isServed(address)` looks whether it is there. */
  constructor({ here, load, isServed }) {
    const [, client, number = "0"] = /^(.*?)(?:\.(\d+))?\/transport\/late\.js$/.exec(here);
    Object.assign(this, { _here: here, _client: client, _number: Number(number), _load: load, _isServed: isServed });
  }

  /**
   * Resolve to the module at `path`, below `browser/`. Throws a `Problem`: "offline" where nothing could be
   * reached, "outdated" where the release of this page is served no more.
   */
  async module(path, { waits = WAITS } = {}) {
    for (const wait of [0, ...waits]) {
      await after(wait);
      const number = this._number;
      try {
        return await within(LOADED_WITHIN, this._load(`${this._client}${number > 0 ? `.${number}` : ""}/${path}`));
      } catch (unreachable) {
        if (this._number === number) this._number += 1; // others who failed meanwhile go by the same address
      }
    }
    const isServed = await this._isServed(this._here).catch(() => true);
    throw new Problem(0, { type: isServed ? "offline" : "outdated" });
  }
}

const ours = new Late({
  here: import.meta.url,
  load: (address) => import(address),
  isServed: async (address) => (await fetch(address, { method: "HEAD", cache: "no-store" })).status !== 404,
});

/** Load a module of ours, as `Late.module` does. */
export function late(path, options) {
  return ours.module(path, options);
}

function after(seconds) {
  return seconds > 0 ? new Promise((go) => setTimeout(go, 1000 * seconds)) : undefined;
}

function within(seconds, promise) {
  return new Promise((give, fail) => {
    const timer = setTimeout(fail, 1000 * seconds);
    promise.then(give, fail).then(() => clearTimeout(timer));
  });
}

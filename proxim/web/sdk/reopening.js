// Opens a host's sessions again that the node has forgotten (sealing: Coming back).

import { isPassing, pauseAfter, reopenRequest } from "./coming-back.js";
import { sessionEnded, tampered } from "./errors.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Host } from "./host.js" */
/** @import { HostSecret } from "./host-secrets.js" */
/** @import { Message } from "./types.js" */

export class Reopening {
  /** @type {HostSecret[]} Those of the sessions that are missing at the node. */
  secrets = [];
  #host;
  #opens;
  #tries = 0;
  #timer = 0;

  /** @param {Host} host @param {(id: string) => void} opens Called before the host receives the session. */
  constructor(host, opens) {
    this.#host = host;
    this.#opens = opens;
  }

  /** Open the sessions, or try again later. @throws {ProximError} `connection_lost` */
  async run() {
    let isDone = true;
    for (const secret of this.secrets.splice(0)) {
      try {
        await this.#open(secret);
      } catch (error) {
        const { code, retryAfter } = /** @type {ProximError} */ (error);
        if (code === "connection_lost") throw error;
        if (isPassing(error)) {
          isDone = false;
          clearTimeout(this.#timer);
          this.#timer = setTimeout(() => this.#host.refresh().catch(() => {}), pauseAfter(this.#tries, retryAfter));
        } else {
          const session = this.#host.sessions.get(secret.id);
          if (session) session._end(sessionEnded("expired", "lost", secret.id));
          else secret.forget();
        }
      }
    }
    this.#tries = isDone ? 0 : this.#tries + 1;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Open a session again under its id. @param {HostSecret} secret */
  async #open(secret) {
    const { id } = secret;
    const { boot, features } = this.#host._connection;
    secret.page ??= this.#host._linkPage();
    const take = (/** @type {Message} */ { session }) => {
      if (session.session_id !== id) throw tampered("the session's id", id);
      secret.seen(boot, true);
      this.#opens(id);
    };
    await this.#host._connection.requestNow("session_created", reopenRequest(secret, features), take);
  }
}

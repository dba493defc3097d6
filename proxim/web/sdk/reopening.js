// Opens a host's sessions again that the node has forgotten (sealing: Coming back).

import { isPassing, pauseAfter, reopenRequest } from "./coming-back.js";
import { sessionEnded, tampered } from "./errors.js";

/** @import { ProximError } from "./errors.js" */
/** @import { Host } from "./host.js" */
/** @import { HostSecret } from "./host-secrets.js" */
/** @import { HostSession } from "./host-session.js" */
/** @import { Message } from "./types.js" */

export class Reopening {
  /** @type {HostSecret[]} Those of the sealed sessions that are missing at the node. */
  #secrets = [];
  /** @type {HostSession[]} The other ones. */
  #plain = [];
  #host;
  #opens;
  #tries = 0;
  #timer = 0;

  /** @param {Host} host @param {(id: string) => void} opens Called before the host receives the session. */
  constructor(host, opens) {
    this.#host = host;
    this.#opens = opens;
  }

  /**
   * Return the ids of the sessions that `run` opens.
   * @param {HostSecret[]} secrets Those of sealed sessions. @param {HostSession[]} missing Those that the node does not know.
   */
  begin(secrets, missing) {
    const { boot } = this.#host._connection;
    this.#secrets = secrets;
    this.#plain = missing.filter((session) => session._origin.reopening(session, boot));
    return [...secrets, ...this.#plain].map(({ id }) => id);
  }

  /** Open the sessions, or try again later. @throws {ProximError} `connection_lost` */
  async run() {
    let isDone = true;
    const openings = [
      ...this.#secrets.splice(0).map((secret) => ({ id: secret.id, secret, open: () => this.#open(secret) })),
      ...this.#plain.splice(0).map((session) => ({ id: session.id, secret: null, open: () => this.#openPlain(session) })),
    ];
    for (const { id, secret, open } of openings) {
      try {
        await open();
      } catch (error) {
        const { code, retryAfter } = /** @type {ProximError} */ (error);
        if (code === "connection_lost") throw error;
        if (isPassing(error)) {
          isDone = false;
          clearTimeout(this.#timer);
          this.#timer = setTimeout(() => this.#host.refresh().catch(() => {}), pauseAfter(this.#tries, retryAfter));
        } else {
          const session = this.#host.sessions.get(id);
          if (session) session._end(sessionEnded("expired", "lost", id));
          else secret?.forget();
        }
      }
    }
    this.#tries = isDone ? 0 : this.#tries + 1;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  /** Open a sealed session again under its id. @param {HostSecret} secret */
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

  /** Open a session again as another one, which waits for a guest. @param {HostSession} session */
  async #openPlain(session) {
    const { _connection: connection } = this.#host;
    const request = session._origin.reopening(session, connection.boot);
    if (!request) throw sessionEnded("expired", "lost", session.id);
    const take = (/** @type {Message} */ { session: { session_id: id } }) => {
      this.#host._startOver(session, id);
      this.#opens(id);
    };
    await connection.requestNow("session_created", request, take);
  }
}

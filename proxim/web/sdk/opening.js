// Opens a sealed session.

import { ProximError, tampered } from "./errors.js";
import { pageAddress } from "./link.js";

/** @import { Host } from "./host.js" */
/** @import { HostSecrets } from "./host-secrets.js" */
/** @import { SessionType } from "./types.js" */

/**
 * Return the request that opens a sealed session, and what holds its secrets once the node has opened it.
 * @param {Host} host @param {HostSecrets} secrets
 * @param {{ type: SessionType, ttl?: number, tokenHash?: string, joinUrl?: string | URL, hostName?: string }} options
 * @throws {ProximError}
 */
export async function sealedOpening(host, secrets, { type, ttl, tokenHash, joinUrl, hostName }) {
  if (tokenHash) throw new ProximError("bad_message", "a sealed session makes its own token: leave out tokenHash");
  const page = joinUrl && pageAddress(joinUrl);
  await host._connection.ready;
  await host._connection.needSeal();
  const { newLink, newNonce, nameFault, sessionIdOf } = await secrets.load();
  const fault = hostName && nameFault(hostName);
  if (fault) throw new ProximError("bad_message", `hostName has ${fault}`);
  const keys = newLink();
  const { boot } = host._connection;
  const nonce = host.features.includes("nonce") ? newNonce() : undefined;
  const request = { type: "create_session", session_type: type, ttl, token_hash: keys.tokenHash, seal: 1, nonce };
  const prepare = (/** @type {string} */ id) => {
    if (nonce && id !== sessionIdOf(nonce)) throw tampered("the session's id", id);
    secrets.add(id, keys, page || host._linkPage(), { name: hostName, ttl, type, back: { nonce, boot } });
  };
  return { request, prepare };
}

// How the two sides are connected.

/** @import { Path } from "./types.js" */

/** The kinds of candidates; the first one says most about the path. */
const KINDS = /** @type {const} */ (["relay", "srflx", "prflx", "host"]);

/**
 * Return how a connection reaches the other side, from `getStats()`; null while it does not.
 * @param {RTCPeerConnection} pc
 * @returns {Promise<Path | null>}
 */
export async function pathOf(pc) {
  // A connection that was closed in the meantime has no stats.
  const stats = await pc.getStats().catch(() => null);
  if (!stats) return null;
  const all = [...stats.values()];
  const selected = all.find((each) => each.type === "transport")?.selectedCandidatePairId;
  const isSelected = (/** @type {any} */ each) => (selected ? each.id === selected : (each.selected ?? each.nominated));
  const pair = all.find((each) => each.type === "candidate-pair" && isSelected(each));
  if (!pair) return null;
  const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
  const kinds = [local?.candidateType, remote?.candidateType];
  const via = KINDS.find((kind) => kinds.includes(kind));
  if (!via) return null;
  const seconds = pair.currentRoundTripTime;
  return {
    via,
    local: local?.candidateType,
    remote: remote?.candidateType,
    rtt: typeof seconds === "number" ? seconds * 1000 : null,
    protocol: local?.protocol ?? "",
  };
}

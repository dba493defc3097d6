// A host and a device that it remembers, by the SDK, at a site in front of a node.

import { after, before } from "node:test";
import { SdkGuest, SdkHost } from "./sdk.js";
import { Site } from "./site.js";

/** Prepare the tests of one file. @param {ReturnType<typeof import("./world.js").world>} here */
export function acquaintances(here) {
  const known = { /** @type {Site} */ site: null };
  before(async () => {
    known.site = await Site.open();
  });
  after(() => known.site.close());

  /** Open a host, or a guest, that no other one knows. */
  const opening = (side) => async (context, options) => {
    known.site.node = here.node;
    return side.open(context ?? (await here.context()), known.site, options);
  };
  known.host = opening(SdkHost);
  known.guest = opening(SdkGuest);

  /** Return a host, and a device that it remembers. */
  known.acquainted = async (remember, { isPlain = false } = {}) => {
    const contexts = [await here.context(), await here.context()];
    // As on plain http.
    if (isPlain) for (const context of contexts) await context.addInitScript(() => Object.defineProperty(crypto, "subtle", { value: undefined }));
    const [desk, phone] = [await known.host(contexts[0]), await known.guest(contexts[1])];
    await desk.remembers(await phone.asks(await desk.opens()), remember);
    await phone.connects();
    return { desk, phone };
  };

  /** Copy the storage of a browser to another one. */
  known.copied = async (phone) => {
    const thief = await known.guest();
    const all = await phone.does(() => globalThis.stored());
    await thief.does((all) => globalThis.store(all), all);
    return thief;
  };
  return known;
}

/** End the session that both are in. */
export async function theyPart(desk, phone) {
  await phone.does(() => globalThis.guest.close());
  await desk.does(() => globalThis.until(() => globalThis.host.sessions.size === 0));
}

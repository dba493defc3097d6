// A host's page that takes its node for one that does not carry sealed sessions.

/**
 * Have the pages of a context open sessions that are not sealed.
 * @template {import("playwright-core").BrowserContext} T @param {T} context
 */
export async function withoutSeal(context) {
  await context.addInitScript(() => {
    const { parse } = JSON;
    JSON.parse = (...args) => {
      const value = parse(...args);
      if (value?.type === "welcome") value.features = value.features.filter((each) => each !== "seal");
      return value;
    };
  });
  return context;
}

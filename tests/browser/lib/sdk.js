// Empty pages of a site in front of a node that use the browser SDK, without the scripts of the node's pages.

export class SdkPage {
  /**
   * @param {import("playwright-core").BrowserContext} context @param {import("./site.js").Site} site
   * @param {object} [options] Those of `Host`.
   */
  static async open(context, site, options = {}) {
    const page = new SdkPage();
    page.site = site;
    page.options = options;
    page.page = await context.newPage();
    page.page.setDefaultTimeout(60_000);
    await page.load();
    return page;
  }

  /** Load the page, for the first time or again. */
  async load() {
    await this.page.goto(`${this.site.url}/example`);
    await this.page.evaluate(async () => {
      globalThis.sdk = await import("/proxim.js");
      globalThis.until = async (check) => {
        for (;;) {
          const value = await check();
          if (value) return value;
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      globalThis.heard = [];
      const run = (mode, act) =>
        new Promise((resolve) => {
          const opening = indexedDB.open("proxim", 1);
          opening.onupgradeneeded = () => {
            for (const name of ["grants", "keys"]) opening.result.createObjectStore(name, { keyPath: "id" });
          };
          opening.onsuccess = () => {
            const transaction = opening.result.transaction("grants", mode);
            const request = act(transaction.objectStore("grants"));
            transaction.oncomplete = () => resolve(request?.result);
          };
        });
      globalThis.stored = () => run("readonly", (store) => store.getAll());
      globalThis.store = (all) => run("readwrite", (store) => void all.map((each) => store.put(each)));
    });
  }

  /** Wait until the page has recorded these words. */
  hears(words) {
    return this.does((words) => globalThis.until(() => globalThis.heard.includes(words)), words);
  }

  /** Evaluate in the page. */
  does(act, value) {
    return this.page.evaluate(act, value);
  }
}

/** A host. */
export class SdkHost extends SdkPage {
  static async open(...args) {
    const host = Object.setPrototypeOf(await SdkPage.open(...args), SdkHost.prototype);
    await host.starts();
    return host;
  }

  /** Make a host, and record its visits. */
  starts() {
    return this.does(async (options) => {
      globalThis.visits = [];
      const host = (globalThis.host = new globalThis.sdk.Host(undefined, options));
      host.onvisit = ({ session, device }) => {
        const visit = { session, device, prompt: null };
        globalThis.visits.push(visit);
        session.onprompt = (prompt) => (visit.prompt = prompt);
        session.onsignal = ({ data }) => globalThis.heard.push(data);
      };
      host.ondevicenotice = ({ device, notice }) => globalThis.heard.push(`${device.name}: ${notice}`);
      await host.ready;
    }, this.options);
  }

  async reloads() {
    await this.load();
    await this.starts();
  }

  /** Open a session, and return its link. */
  opens(type = "one_time") {
    return this.does(async (type) => {
      globalThis.session = await globalThis.host.open({ type, sealed: true });
      return globalThis.session.link;
    }, type);
  }

  /** Approve the device that asks, and remember it. */
  remembers(code, remember = { name: "My phone" }) {
    return this.does(
      async ({ code, remember }) => {
        const { session } = globalThis;
        const prompt = await globalThis.until(() => session.prompt);
        await prompt.approve(code, { remember });
      },
      { code, remember },
    );
  }

  /** Approve the latest visit, without a number. */
  welcomes() {
    return this.does(async () => {
      const { prompt } = await globalThis.until(() => globalThis.visits.find(({ session, prompt }) => prompt && session.prompt === prompt));
      await prompt.approve();
    });
  }

  devices() {
    return this.does(() => globalThis.host.devices());
  }

  /** Wait until all sessions of this owner have ended: the node may answer `list` before it has handled a close. */
  async hasNoSessions() {
    await this.does(() => globalThis.until(async () => (await globalThis.host.list()).every(({ reason }) => reason)));
  }

}

/** A guest. */
export class SdkGuest extends SdkPage {
  static async open(...args) {
    return Object.setPrototypeOf(await SdkPage.open(...args), SdkGuest.prototype);
  }

  /** Ask by a link, and return the number. */
  asks(link) {
    return this.does(async (link) => {
      const guest = (globalThis.guest = new globalThis.sdk.Guest(link, { name: "Phone", nodeUrl: location.origin }));
      await guest.ask();
      return globalThis.until(() => guest.code);
    }, link);
  }

  grants() {
    return this.does(() => globalThis.sdk.grants());
  }

  /** Visit the host that knows this browser. Returns the code of the error, if any. */
  visits(at = 0) {
    return this.does(async (at) => {
      const grant = (await globalThis.sdk.grants())[at];
      const guest = (globalThis.guest = new globalThis.sdk.Guest(grant, { name: "Phone" }));
      guest.onnotice = ({ notice }) => globalThis.heard.push(notice);
      try {
        await guest.ask();
        return null;
      } catch (error) {
        return error.code;
      }
    }, at);
  }

  /** Wait until the session has ended, and return the reason. */
  ends() {
    return this.does(async () => (await globalThis.guest.ended).reason);
  }

  connects() {
    return this.does(async () => {
      await globalThis.guest.connected;
    });
  }
}

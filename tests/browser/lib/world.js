// A node and a browser for the tests of one file, and new people for each test.

import { after, afterEach, before } from "node:test";
import { launch } from "./browser.js";
import { ProximNode } from "./node.js";
import { Desk, Phone } from "./people.js";

/** @param {string[]} options For `proxim serve`. */
export function world(...options) {
  const here = { node: null, browser: null, people: [], contexts: [] };

  before(async () => {
    here.node = await ProximNode.start(...options);
    here.browser = await launch();
  });
  after(async () => {
    await here.browser?.close();
    await here.node?.stop();
  });
  afterEach(async () => {
    const people = here.people.splice(0);
    for (const context of here.contexts.splice(0)) await context.close();
    for (const person of people) await person.hasNoComplaint();
  });

  // Without a GPU, each frame of an animation takes CPU time.
  here.context = async (more = {}) => {
    const context = await here.browser.newContext({ reducedMotion: "reduce", ...more });
    here.contexts.push(context);
    return context;
  };
  here.desk = async (context) => {
    const viewport = { width: 1280, height: 1000 };
    const desk = await Desk.at(here.node, context ?? (await here.context({ viewport })));
    here.people.push(desk);
    return desk;
  };
  here.phone = async (link, context) => {
    const viewport = { width: 390, height: 844 };
    const phone = await Phone.opens(link, context ?? (await here.context({ viewport })));
    here.people.push(phone);
    return phone;
  };
  /** Return a desktop and a phone that are connected. */
  here.pair = async (type, seconds) => {
    const desk = await here.desk();
    await desk.opens(type, seconds);
    const phone = await here.phone(await desk.shows());
    await phone.asksAndWaits();
    await desk.approves(phone);
    await Promise.all([desk.isConnected(), phone.isConnected()]);
    return { desk, phone };
  };
  return here;
}

// A person at the desktop and a person with a phone, who read texts and press buttons.

import assert from "node:assert/strict";
import { scan } from "./browser.js";

const PATIENCE = 60_000;

const NAMES = { one_time: "Once", temporary: "For a while", persistent: "Until closed" };

/** Record errors of a page, and violations of its content security policy. */
function watch(page, complaints) {
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    const words = message.text();
    if (/Content Security Policy|TrustedHTML/i.test(words)) complaints.push(words);
  });
}

class Person {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    watch(page, this.complaints);
  }

  /** Wait until a text is visible. */
  async sees(words) {
    await this.page.getByText(words).first().waitFor();
  }

  async says(words) {
    await this.page.getByLabel("Message").first().fill(words);
    await this.page.getByRole("button", { name: "Send" }).first().click();
  }

  press(name) {
    return this.page.getByRole("button", { name, exact: true }).click();
  }

  async isOnline() {
    await this.page.locator("#reach.on").waitFor();
  }

  async isOffline() {
    await this.page.locator("#reach.off").waitFor();
  }

  async isConnected() {
    await this.page.getByRole("heading", { name: /^Connected to/ }).first().waitFor();
  }

  async sends(...paths) {
    await this.page.locator('input[type="file"]:not([capture])').setInputFiles(paths);
  }

  file(name) {
    return this.page.locator(".transfer", { hasText: name });
  }

  /** Return the question whether to take a file. */
  offer(name) {
    return this.page.locator(".offers li", { hasText: name });
  }

  async accepts(name) {
    await this.page.getByRole("button", { name: `Accept ${name}`, exact: true }).click();
  }

  /** Accept whatever is offered until the page is reloaded. */
  async acceptsEverything() {
    await this.page.evaluate(() => {
      setInterval(() => {
        for (const button of document.querySelectorAll(".accept:not([aria-disabled])")) button.click();
      }, 50);
    });
  }

  async hasNoComplaint() {
    assert.deepEqual(this.complaints, []);
  }
}

export class Desk extends Person {
  static async at(node, context) {
    const desk = new Desk(await context.newPage());
    await desk.page.goto(node.url);
    await desk.isOnline();
    return desk;
  }

  /** Wait for a code. */
  async hasCode() {
    await this.page.locator('.code-face:not(.stale) img[src^="data:"]').waitFor();
  }

  /** Show the code of a connection of this type; `seconds` is the time of a temporary one. */
  async opens(type, seconds) {
    const button = this.page.locator("#show-code");
    await this.page.locator("#code:not([hidden]) #qr[src], #show-code:not([hidden], [disabled])").first().waitFor();
    if (await button.isVisible()) await button.click();
    await this.hasCode();
    return type === "one_time" ? this.link() : this.chooses(type, seconds);
  }

  /** Choose how long a connection stays, and show a code for that. */
  async chooses(type, seconds) {
    const link = await this.link();
    await this.unfolds("Keep connected longer…");
    await this.page.getByText(NAMES[type], { exact: true }).first().click();
    if (seconds) {
      await this.page.evaluate(() => {
        document.querySelector("#unit option").value = "1";
      });
      await this.page.getByLabel("Duration").fill(String(seconds));
      await this.page.getByLabel("Unit").selectOption({ label: "minutes" });
    }
    await this.press("Show a code for this");
    await this.page.waitForFunction((old) => !["", old].includes(document.querySelector("#link").value), link);
    await this.hasCode();
    return this.link();
  }

  /** Show what is behind these words. */
  async unfolds(words) {
    const details = this.page.locator("details", { hasText: words });
    if ((await details.getAttribute("open")) === null) await details.locator("summary").click();
  }

  /** Press a button behind "Can’t scan?". */
  async pressesBehind(name) {
    await this.unfolds("Can’t scan?");
    await this.press(name);
  }

  /** Close the code, and wait until the card is folded. */
  async closesCode() {
    await this.pressesBehind("Close this code");
    await this.page.locator("#show-code").waitFor();
  }

  /** Wait until the prompt of a device with this name is open. */
  async isAskedBy(name) {
    await this.page.locator("#prompt-name").getByText(name, { exact: true }).waitFor();
  }

  /** Wait until a new prompt takes input. */
  async hears() {
    await this.page.getByRole("dialog").waitFor();
    await this.page.waitForTimeout(700);
  }

  link() {
    return this.page.locator("#link").inputValue();
  }

  /** Return the link that a camera reads. */
  async shows() {
    const image = this.page.locator(".code img");
    await image.scrollIntoViewIfNeeded();
    await image.evaluate((each) => each.decode());
    return scan(this.page);
  }

  /** Type the number that a phone shows, and approve. @param {{ number: () => Promise<string> }} phone */
  async approves(phone) {
    await this.page.getByLabel("Number on the other device").fill(await phone.number());
    await this.press("Approve");
  }

  async ended(words) {
    await this.page.locator("#ended-list").getByText(words).first().waitFor();
  }
}

export class Phone extends Person {
  static async opens(link, context) {
    const phone = new Phone(await context.newPage());
    await phone.page.goto(link);
    return phone;
  }

  async asks(name) {
    if (name) await this.page.getByLabel("Name of this device").fill(name);
    await this.press("Ask to connect");
  }

  async asksAndWaits(name) {
    await this.asks(name);
    await this.page.locator("#waiting").waitFor();
  }

  /** Return the number that it shows while it waits. */
  async number() {
    // That of a sealed session comes a moment after the request.
    const words = await this.page.locator("#waiting-number", { hasText: /./ }).textContent();
    assert.match(words, /^[1-9][0-9]{2}$/);
    return words;
  }
}

// A Python program with a window, which a driver operates as a person would: see tests/docs/driver.py.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./node.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PATIENCE = 60_000;

export class PythonWindow {
  /** @param {string} example In docs/examples. @param {string} home The home folder of its person. */
  static async opens(example, home) {
    const window = new PythonWindow();
    const environ = { ...process.env, HOME: home, QT_QPA_PLATFORM: "offscreen" };
    if (example.startsWith("tk")) environ.DISPLAY = await window.#startScreen();
    window.#run(example, environ);
    return window;
  }

  #lines = [];
  #waiting = new Set();

  /** Start an X server, and return its display. */
  async #startScreen() {
    const options = ["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x700x24"];
    this.screen = spawn("Xvfb", options, { stdio: ["ignore", "pipe", "ignore"] });
    const [number] = await new Promise((resolve) =>
      createInterface({ input: this.screen.stdout }).once("line", (...line) => resolve(line)),
    );
    return `:${number}`;
  }

  #run(example, env) {
    const args = ["-m", "tests.docs.driver", `docs/examples/${example}`];
    this.process = spawn(PYTHON, args, { cwd: ROOT, env, stdio: ["pipe", "pipe", "inherit"] });
    this.gone = new Promise((resolve) => this.process.once("exit", resolve));
    createInterface({ input: this.process.stdout }).on("line", (line) => {
      this.#lines.push(line);
      for (const check of [...this.#waiting]) check();
    });
  }

  /** Wait until a text is seen that matches and was not asked for yet, and return it. @param {RegExp} pattern */
  sees(pattern) {
    return new Promise((resolve, reject) => {
      const finish = (settle, value) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        settle(value);
      };
      const check = () => {
        const at = this.#lines.findIndex((line) => pattern.test(line));
        if (at >= 0) finish(resolve, this.#lines.splice(at, 1)[0]);
        else timer.refresh(); // What shows something new, such as how far a file is, goes on.
      };
      const complain = () => finish(reject, new Error(`no ${pattern}, but ${JSON.stringify(this.#lines)}`));
      const timer = setTimeout(complain, PATIENCE);
      this.#waiting.add(check);
      check();
    });
  }

  /** @param {string[]} commands */
  does(...commands) {
    for (const command of commands) this.process.stdin.write(`${command}\n`);
  }

  async closes() {
    this.does("close");
    this.process.stdin.end();
    return this.gone;
  }

  kill() {
    this.process?.kill();
    this.screen?.kill();
  }
}

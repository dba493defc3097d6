// A Python program at the other side: see tests/rtc/side.py.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PYTHON } from "./node.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const PATIENCE = 60_000;

/** A Python program whose lines the test reads, and to which it writes lines. */
export class PythonProgram {
  /** @param {string[]} args For Python. */
  constructor(...args) {
    this.process = spawn(PYTHON, args, { cwd: ROOT, stdio: ["pipe", "pipe", "inherit"] });
    this.gone = new Promise((resolve) => this.process.once("exit", resolve));
    this.lines = [];
    this.waiting = [];
    createInterface({ input: this.process.stdout }).on("line", (line) => {
      this.lines.push(line);
      for (const check of [...this.waiting]) check();
    });
  }

  /** Wait for the next line that begins so; drop the ones before it. @param {string} beginning */
  prints(beginning) {
    return new Promise((resolve, reject) => {
      const check = () => {
        const at = this.lines.findIndex((line) => line.startsWith(beginning));
        if (at < 0) return;
        const [line] = this.lines.splice(0, at + 1).slice(-1);
        done();
        resolve(line.slice(beginning.length).trim());
      };
      const timer = setTimeout(() => {
        done();
        reject(new Error(`no ${JSON.stringify(beginning)} within ${PATIENCE} ms, but ${JSON.stringify(this.lines)}`));
      }, PATIENCE);
      const done = () => {
        clearTimeout(timer);
        this.waiting = this.waiting.filter((each) => each !== check);
      };
      this.waiting.push(check);
      check();
    });
  }

  does(command) {
    this.process.stdin.write(`${command}\n`);
  }

  kill() {
    this.process.kill();
  }
}

export class PythonSide extends PythonProgram {
  /** @param {"host" | "guest" | "resume"} role @param {string} where The node's URL, the link or the seat. */
  constructor(role, where, options = []) {
    super("-m", "tests.rtc.side", role, where, ...options);
  }

  /** For `Desk.approves`: the number that it shows. */
  number() {
    return this.prints("code");
  }

  async ends() {
    this.does("close");
    await this.prints("over");
    return this.gone;
  }
}

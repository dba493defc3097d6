"""Where the time of a message goes.

    python bench/profile.py [relay|handshakes|cycles] [--pairs 50] [--window 1] [--payload SDP]

Runs the node under a sampling profiler while the load generator speaks to it, and prints the CPU
time that each part of the code takes of one message (or handshake, or cycle). A sample is taken
each millisecond of CPU, at the next instruction of Python: what a system call takes is counted
for the function that makes it. Then, without the profiler, Trio counts task steps and waits.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import trio

HERE = Path(__file__)
INTERVAL = 0.001
SHOWN = 30


class Sampler(trio.abc.Instrument):
    """Counts where the program is, each millisecond of CPU."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def before_run(self) -> None:
        signal.set_wakeup_fd(-1)  # Each sample would wake Trio.
        signal.signal(signal.SIGPROF, self._take)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)

    def _take(self, _: int, frame: FrameType | None) -> None:
        if frame is not None:
            code = frame.f_code
            self.counts[f"{'/'.join(Path(code.co_filename).parts[-2:])}: {code.co_qualname}"] += 1


class Steps(trio.abc.Instrument):
    """Counts what the scheduler does."""

    def __init__(self) -> None:
        self.counts = {"task steps": 0, "waits for I/O": 0}

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.counts["task steps"] += 1

    def after_io_wait(self, timeout: float) -> None:
        self.counts["waits for I/O"] += 1


def serve(kind: str, report: str, arguments: list[str]) -> None:
    """Be ``proxim`` with an instrument, and write what it counted when asked for by a signal."""
    from functools import partial

    instrument = Sampler() if kind == "sampler" else Steps()

    def write(*_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(report).write_text(json.dumps(instrument.counts))

    signal.signal(signal.SIGUSR2, write)
    trio.run = partial(trio.run, instruments=[instrument])  # type: ignore[assignment]
    from proxim.cli import main

    sys.argv = ["proxim", *arguments]
    main()


def measure(kind: str, options: argparse.Namespace) -> tuple[dict[str, int], dict[str, float]]:
    """What an instrument counts under load, and the figures of the load."""
    from load import load
    from servers import HOST, PATIENCE, PROXIM, build, running

    build()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        command = [sys.executable, HERE, "--be", kind, report]
        profiled = PROXIM._replace(
            command=lambda port: [*command, *PROXIM.command(port)[1:]],
        )
        with running(profiled) as node:
            figures = load(node, options.what, **wanted(options))
            os.kill(node.pid, signal.SIGUSR2)
            until = time.monotonic() + PATIENCE
            while not report.exists() or not report.read_text():
                if time.monotonic() > until:
                    raise RuntimeError("the node does not tell what it counted")
                # Without its wakeup the node looks for signals only when something happens.
                socket.create_connection((HOST, node.port)).close()
                time.sleep(0.05)
            os.kill(node.pid, signal.SIGKILL)
            counts: dict[str, int] = json.loads(report.read_text())
    return counts, figures


def wanted(options: argparse.Namespace) -> dict[str, object]:
    if options.what == "handshakes":
        return {"count": options.count, "at_once": 64}
    if options.what == "cycles":
        return {"at_once": 16, "seconds": options.seconds, "payload": options.payload}
    return {
        "pairs": options.pairs,
        "window": options.window,
        "seconds": options.seconds,
        "payload": options.payload,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    choices = ["relay", "handshakes", "cycles"]
    parser.add_argument("what", nargs="?", default="relay", choices=choices)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--window", type=int, default=1)
    parser.add_argument("--payload", default="candidate")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    places, figures = measure("sampler", options)
    samples = sum(places.values())
    print(
        f"{figures['per_second']:.0f} {options.what}/s under the profiler; "
        f"{figures['cpu_us']:.1f} µs of CPU each, of which:"
    )
    for place, count in Counter(places).most_common(SHOWN):
        print(f"{figures['cpu_us'] * count / samples:8.2f} µs {count / samples:6.1%}  {place}")
    files: Counter[str] = Counter()
    for place, count in places.items():
        files[place.partition(":")[0]] += count
    print("and by file:")
    for place, count in files.most_common(20):
        print(f"{figures['cpu_us'] * count / samples:8.2f} µs {count / samples:6.1%}  {place}")
    steps, figures = measure("steps", options)
    done = (
        figures["per_second"] * (options.seconds + 0.3)
        if options.what != "handshakes"
        else options.count
    )
    for name, count in steps.items():
        print(f"about {count / done:.2f} {name} for each, without the profiler")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be"]:
        serve(sys.argv[2], sys.argv[3], sys.argv[4:])
    else:
        main()

"""The load generator, as a call: a program in C, pinned to a core of its own (``load/``)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from servers import BENCH, BUILD, HOST, LOAD_CORE, Running

PAYLOADS = {"candidate": "candidate.json", "SDP": "offer.json"}

Figures = dict[str, float]


def _command(target: Running, mode: str, options: dict[str, object]) -> list[str]:
    options = {"pid": target.pid, **options}
    if "payload" in options:
        name = str(options["payload"])
        options["payload"] = BENCH / "payloads" / PAYLOADS.get(name, name)
    given = [f"{name}={value}" for name, value in options.items()]
    return [
        *(str(BUILD / "load"), HOST, str(target.port), str(target.server.protocol), mode),
        *given,
    ]


def load(target: Running, mode: str, **options: object) -> Figures:
    """Run the load to its end, and give what it measured.

    A payload is one of ``PAYLOADS``, or a whole path.
    """
    done = subprocess.run(
        _command(target, mode, options),
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    if done.returncode != 0:
        raise RuntimeError(f"{target.server.name}, {mode} {options}: {done.stderr.strip()}")
    figures: Figures = json.loads(done.stdout)
    return figures


@contextmanager
def held(target: Running, count: int) -> Iterator[None]:
    """Hold that many idle connections, introduced as the protocol wants it."""
    process = subprocess.Popen(
        _command(target, "hold", {"count": count, "at_once": 64}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, {LOAD_CORE}),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise RuntimeError(f"{target.server.name} did not take {count} connections")
        yield
    finally:
        process.stdin.close()
        process.wait()

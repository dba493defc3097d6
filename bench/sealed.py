"""The cost of a sealed signal beside that of a plain one, as ratios in one run.

    python bench/sealed.py [--seconds 0.4] [--rounds 5]

At the node a sealed SDP is relayed beside a plain text of equal length, in turn. At the clients
each payload is sealed and opened in turn with what a plain signal needs there: JSON that is written
and read, by msgspec in Python and by the engine in JavaScript (Node.js).
"""

from __future__ import annotations

import argparse
import json
import secrets
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import msgspec
from load import PAYLOADS, load
from servers import BENCH, BUILD, PROXIM, build, running

from proxim.sealing.keys import new_pair
from proxim.sealing.peer import SealedPeer

PAIRS, WINDOW = 50, 16
CALLS = 200
"""Signals that are timed at once at a client."""


def two_sides() -> tuple[SealedPeer, SealedPeer]:
    """Return a host and a guest that agree on an epoch."""
    secret = secrets.token_bytes(32)
    own, other = new_pair(secrets.token_bytes), new_pair(secrets.token_bytes)
    host, guest = SealedPeer("h", secret), SealedPeer("g", secret)
    host.adopt(own, other.public)
    guest.adopt(other, own.public)
    return host, guest


def write_payloads() -> dict[str, Path]:
    """Write a sealed SDP and a plain text of equal length; return where they are."""
    sdp = (BENCH / "payloads" / PAYLOADS["SDP"]).read_bytes().strip()
    sealed = json.dumps(two_sides()[0].seal(sdp), separators=(",", ":"))
    plain = json.dumps("x" * (len(sealed) - 2))
    paths = {name: BUILD / f"{name}.json" for name in ("plain", "sealed")}
    paths["plain"].write_text(plain)
    paths["sealed"].write_text(sealed)
    return paths


def at_the_node(rounds: int, seconds: float) -> dict[str, list[float]]:
    """Return the signals per second that the node relays of each payload, by round."""
    told: dict[str, list[float]] = defaultdict(list)
    paths = write_payloads()
    with running(PROXIM) as target:
        for number in range(rounds):
            for name in paths if number % 2 else reversed(paths):
                options = {"pairs": PAIRS, "window": WINDOW, "payload": paths[name]}
                options["seconds"] = seconds
                told[name].append(load(target, "relay", **options)["per_second"])
    return told


def in_python(data: bytes) -> tuple[float, float]:
    """Return the seconds that a plain and a sealed signal take at both sides together."""
    host, guest = two_sides()
    value = msgspec.json.decode(data)
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.decode

    def plain() -> None:
        decode(encode(value))

    def sealed() -> None:
        received = guest.receive(encode(host.seal(encode(value))), 0.0)
        assert received.data is not None
        decode(received.data)

    return timed(plain), timed(sealed)


def timed(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS


def in_javascript(payload: Path) -> tuple[float, float]:
    """Return the same for the modules of the browser SDK."""
    command = ["node", BENCH / "sealed.mjs", payload, str(CALLS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    plain, sealed = json.loads(done.stdout)
    return plain, sealed


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=0.4)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    payloads = {name: BENCH / "payloads" / file for name, file in PAYLOADS.items()}
    build()
    node = at_the_node(given.rounds, given.seconds)
    ratios = [sealed / plain for plain, sealed in zip(node["plain"], node["sealed"], strict=True)]
    print(f"node, SDP: a sealed one is relayed {statistics.median(ratios):.2f} times as often as a")
    print(f"plain one of equal length ({statistics.median(node['plain']):,.0f} a second)")
    for name, path in payloads.items():
        data = path.read_bytes().strip()
        for language, measure in (
            ("Python", lambda data=data: in_python(data)),
            ("JavaScript", lambda path=path: in_javascript(path)),
        ):
            rounds = [measure() for _ in range(given.rounds)]
            ratio = statistics.median(sealed / plain for plain, sealed in rounds)
            cost = statistics.median(sealed for _, sealed in rounds) * 1e6
            print(f"clients, {name}, {language}: {ratio:.0f} times a plain one ({cost:.0f} µs)")


if __name__ == "__main__":
    main()

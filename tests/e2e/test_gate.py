"""The gate holds, whatever clients do at once: a random run, judged by what the clients have seen.

What each client intends is decided by a seed, which a failure names: ``GATE_SEED=7`` takes that
one, ``GATE_SECONDS=60`` longer. `make test` runs some seconds, `make test-all` a minute, and
`make faults` many seeds.
"""

import os
from collections import Counter
from functools import partial

import pytest
import trio

from tests.backends.redis.log import GONE, GOT, show
from tests.e2e import gate
from tests.e2e.client import Node
from tests.e2e.gate_oracle import judge

SEED, SECONDS = os.environ.get("GATE_SEED"), os.environ.get("GATE_SECONDS")
_FULL = pytest.mark.full("a minute of random clients")
_SLOW = pytest.mark.slow("seeds of the random clients")
RUNS = [(int(SEED or 1), float(SECONDS or 4))] if SEED or SECONDS else [
    (1, 4.0),
    pytest.param(2, 60.0, marks=_FULL),
    *(pytest.param(seed, 120.0, marks=_SLOW) for seed in range(3, 8)),
]  # fmt: skip
WANTED = {
    *("approved", "resumed", "replaced", "peer_online", "unknown_session", "not_approved", 4000),
}
"""What has to happen in each run, so that it says something."""
WANTED_IN_A_MINUTE = WANTED | {
    *("rejected", "contested", "token_used"),
    *("expired", "closed", "disconnected", "approval_timeout", "token_reused", "link_renewed"),
    *("not_allowed", "already_decided", "peer_offline", "pair_ack", "bad_message", 1000),
}
SIGNALS = 100
"""Signals that have to cross for each second of a run, however long they take."""


@pytest.mark.real_time
@pytest.mark.parametrize(("seed", "seconds"), RUNS)
def test_gate_holds_whatever_clients_do_at_once(seed, seconds, tmp_path):
    timing = {"approval": gate.APPROVAL, "qr_ttl": gate.QR_TTL, "sweep": gate.SWEEP}
    with (tmp_path / "node.log").open("w") as log:
        node = Node(*gate.SETTINGS, **timing, log=log)
        world = gate.World(seed, node.port)
        try:
            trio.run(world.live, seconds, partial(has_enough, seconds))
        finally:
            assert node.stop() == 0
    check(world, seconds, tmp_path)
    assert "Traceback" not in (tmp_path / "node.log").read_text()


def check(world, seconds, folder, **options):
    """Judge the log, and whether enough happened; keep the log in a folder."""
    found = judge(world.log, **options)
    (folder / "log.txt").write_text("\n".join(map(show, world.log)))
    run = f"GATE_SEED={world.seed} GATE_SECONDS={seconds}"
    print(f"{run}; the clients' log is {folder / 'log.txt'}", *found[:50], sep="\n")
    assert found == [], f"{run} may show this again"
    assert has_enough(seconds, world.log), f"too calm a run: {Counter(what_happened(world.log))}"


def has_enough(seconds, log):
    """Whether enough has happened, and enough signals have crossed, that the run says something."""
    happened = Counter(what_happened(log))
    wanted = WANTED if seconds < 60 else WANTED_IN_A_MINUTE
    return wanted <= happened.keys() and happened["signal"] > SIGNALS * seconds


def what_happened(log):
    """Yield what the clients were told: types, statuses, error codes and close codes."""
    for entry in log:
        if entry.kind == GONE:
            yield entry.what
        elif entry.kind == GOT:
            is_error = entry.type == "error"
            yield entry.what["code"] if is_error else entry.type
            yield entry.what.get("reason", entry.what.get("status"))
            if entry.what.get("replaced"):
                yield "replaced"

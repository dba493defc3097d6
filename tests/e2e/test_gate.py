"""The gate holds, whatever clients do at once: a random run, judged by what the clients have seen.

What each client intends is decided by a seed, which a failure names: ``GATE_SEED=7`` takes that
one, ``GATE_SECONDS=60`` longer. `make test` runs some seconds, `make test-all` a minute, and
`make faults` many seeds.
"""

import os
from collections import Counter

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
WANTED = (
    *("approved", "rejected", "expired", "contested", "resumed", "replaced", "link_renewed", 4000),
    *("token_used", "unknown_session", "not_allowed", "not_approved", "already_decided"),
)
"""What has to happen in a run, so that it says something."""


@pytest.mark.real_time
@pytest.mark.parametrize(("seed", "seconds"), RUNS)
def test_gate_holds_whatever_clients_do_at_once(seed, seconds, tmp_path):
    timing = {"approval": gate.APPROVAL, "qr_ttl": gate.QR_TTL, "sweep": gate.SWEEP}
    with (tmp_path / "node.log").open("w") as log:
        node = Node(*gate.SETTINGS, **timing, log=log)
        world = gate.World(seed, node.port)
        try:
            trio.run(world.live, seconds)
        finally:
            assert node.stop() == 0
    found = judge(world.log)
    (tmp_path / "log.txt").write_text("\n".join(map(show, world.log)))
    print(f"GATE_SEED={seed} GATE_SECONDS={seconds}; the clients' log is {tmp_path / 'log.txt'}")
    print(*found[:50], sep="\n")
    assert found == [], f"GATE_SEED={seed} GATE_SECONDS={seconds} may show this again"
    assert "Traceback" not in (tmp_path / "node.log").read_text()
    happened = Counter(what_happened(world.log))
    print(happened)
    assert [each for each in WANTED if not happened[each]] == [], f"too calm a run: {happened}"
    assert happened["signal"] > 250 * seconds


def what_happened(log):
    """Yield what the clients were told: types, statuses, error codes and close codes."""
    for entry in log:
        if entry.kind == GONE:
            yield entry.what
        elif entry.kind == GOT:
            is_error = entry.type == "error"
            yield entry.what["code"] if is_error else entry.type
            yield entry.what.get("status")
            if entry.what.get("replaced"):
                yield "replaced"

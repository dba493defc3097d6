"""The random run of ``tests/e2e/test_gate.py``, at three nodes of a cluster."""

from functools import partial

import pytest
import trio

from tests.backends.redis.nodes import KEY
from tests.e2e import gate
from tests.e2e.test_gate import SECONDS, SEED, check, has_enough

RUNS = [(int(SEED or 1), float(SECONDS or 15))] if SEED or SECONDS else [
    (1, 15.0),
    *(
        pytest.param(seed, 120.0, marks=pytest.mark.slow("seeds of the random clients"))
        for seed in range(2, 5)
    ),
]  # fmt: skip


@pytest.mark.real_time
@pytest.mark.parametrize(("seed", "seconds"), RUNS)
def test_gate_holds_at_three_nodes(brittle, seed, seconds, tmp_path):
    timing = {"approval": gate.APPROVAL, "qr_ttl": gate.QR_TTL, "sweep": gate.SWEEP}
    cluster = brittle(3, "--cluster-key", KEY, *gate.SETTINGS, **timing)
    world = gate.World(seed, *(node.port for node in cluster.nodes))
    trio.run(world.live, seconds, partial(has_enough, seconds))
    check(world, seconds, tmp_path, one_node=False)

"""A thousand who read nothing, beside a hundred pairs who talk."""

import json
import resource
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.attacks.raw import TEXT, Gone, frame
from tests.attacks.target import MiB, until

READERS, HEALTHY, BATCH = 1000, 100, 50
SIGNALS = 100
"""Signals of 60 kB to each of the slow; more than the kernel (4 MB at most) and the outbox hold."""

pytestmark = pytest.mark.slow("floods of slow readers")


@pytest.fixture(autouse=True, scope="module")
def _many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture(scope="module")
def slack():
    """What 2,200 connections leave with the allocator."""
    return 128 * MiB


@pytest.fixture(scope="module")
def options():
    """No pings: the senders answer none while they wait, and the case takes its time."""
    return ("--ping-interval", "3600")


class Talk:
    """Pairs that relay in a thread; ``waits`` is how long each signal took, in seconds."""

    def __init__(self, pairs):
        self.waits = []
        self._pairs = pairs
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self):
        while not self._done.is_set():
            for host, guest, session_id in self._pairs:
                began = time.monotonic()
                host.say("signal", session_id=session_id, data={"sent": began})
                assert guest.hear("signal")["data"] == {"sent": began}
                self.waits.append(time.monotonic() - began)
                time.sleep(0.0005)


def send(sender, data):
    with suppress(Gone, OSError):
        sender.send(data)


def loses_its_peer(sender):
    try:
        while sender.hear()["type"] != "session_ended":
            pass
    except (Gone, TimeoutError):
        return False
    return True


def test_a_thousand_who_never_read_hold_up_no_healthy_pair(node):
    with ExitStack() as crowd:
        healthy, senders, slow = [], [], []
        for number in range(HEALTHY):
            host = crowd.enter_context(node.host(uuid=f"healthy-{number}"))
            guest, session_id, _ = node.pair(host)
            healthy.append((host, crowd.enter_context(guest), session_id))
        for number in range(READERS):
            sender = crowd.enter_context(node.host(uuid=f"slow-{number}"))
            guest, session_id, _ = node.pair(sender, "one_time", receive_buffer=4096)
            slow.append(crowd.enter_context(guest))
            text = json.dumps({"type": "signal", "session_id": session_id, "data": "x" * 60_000})
            senders.append((sender, frame(TEXT, text.encode())))
        with Talk(healthy) as talk:
            for at in range(0, READERS, BATCH):
                batch = senders[at : at + BATCH]
                for sender, data in batch:
                    threading.Thread(target=send, args=(sender, data * SIGNALS)).start()
                assert all(loses_its_peer(sender) for sender, _ in batch)
        waits = sorted(talk.waits)
        assert len(waits) > 2 * HEALTHY
        assert waits[len(waits) * 99 // 100] < 0.25
        # Each was closed with 4001, or cut where even that could not be written.
        assert until(lambda: node.count("proxim_connections") == READERS + 2 * HEALTHY + 1, 30)
        assert {guest.hear_out() for guest in slow[::50]} <= {4001, None}

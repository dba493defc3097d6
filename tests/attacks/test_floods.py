"""Too much of everything: connections, messages, sessions, and readers that do not read."""

import re
import statistics
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.attacks.conftest import leaves_nothing, unharmed
from tests.attacks.raw import PATIENCE, PING, PONG, TEXT, Gone, frame, head
from tests.attacks.target import MiB, Stopwatch, until


@pytest.fixture(scope="module")
def slack():
    """After hundreds at once the allocator keeps more, once and for all."""
    return 64 * MiB


@pytest.mark.parametrize("data", [b"", head()[:50], head()], ids=["silent", "half a head", "idle"])
def test_four_hundred_at_once_hold_up_nobody(node, data):
    with ExitStack() as crowd:
        for _ in range(400):
            crowd.enter_context(node.raw()).send(data)
        with node.host(uuid="new", key="n" * 43) as host:
            with Stopwatch(node) as watch:
                assert host.pings()
            assert watch.seconds < 1


def test_a_thousand_in_a_row_leave_nothing(node):
    for number in range(1000):
        client = node.raw()
        client.send(head())
        client.reset() if number % 2 else client.socket.close()
    assert until(lambda: node.count("proxim_connections") == 1)


def test_sessions_that_are_opened_and_closed_leave_nothing(node):
    with node.host(uuid="busy", key="y" * 43) as host:
        for _ in range(100):
            session_id, _ = node.invite(host, "one_time")
            assert host.ask("close_session", session_id=session_id)["type"] == "session_ended"
    assert until(lambda: re.search(r"^proxim_sessions{.*} [^0]", node.metrics(), re.M) is None)


def test_an_answer_of_any_size_does_not_grow_the_node(node):
    """The costliest question for its size: a list of many sessions, asked for and not read."""
    with node.host(uuid="owner", key="o" * 43) as host, ExitStack() as crowd:
        ids = [node.invite(host, "one_time")[0] for _ in range(60)]
        before = node.memory()
        for _ in range(20):
            lazy = crowd.enter_context(node.peer(receive_buffer=4096))
            lazy.say("register", uuid="owner", key="o" * 43, seats=[])
            lazy.send(frame(TEXT, b'{"type":"list_sessions"}') * 150)
        assert host.pings()
        assert node.memory() - before < 20 * MiB
        for session_id in ids:
            host.ask("close_session", session_id=session_id)


def pour(client, data, seconds):
    """Send the same again and again, and read nothing, until time or the node ends it."""
    client.socket.settimeout(0.5)
    end = time.monotonic() + seconds
    with suppress(Gone, OSError):
        while time.monotonic() < end:
            client.send(data)


FLOODS = {
    "control pings": frame(PING, b"p" * 125) * 100,
    "unsolicited pongs": frame(PONG, b"p" * 125) * 100,
    "pings": frame(TEXT, b'{"type":"ping"}') * 100,
    "garbage": frame(TEXT, b"{") * 100,
    "registering": frame(TEXT, b'{"type":"register","uuid":"flood"}') * 100,
    "sessions to list": frame(TEXT, b'{"type":"list_sessions"}') * 100,
    "signals into nothing": frame(TEXT, b'{"type":"signal","session_id":"s","data":1}') * 100,
    "bytes": bytes(100_000),
}


@pytest.fixture(scope="module")
def flooded(node_of_file):
    """The node of this file. It takes in for ten seconds what a flood has left in its sockets.

    So that nothing is left is seen once, after all floods; run one alone to see which it is.
    """
    yield node_of_file
    leaves_nothing(node_of_file)


@pytest.mark.real_time
@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS)
def test_who_pours_and_does_not_read_holds_up_nobody(flooded, data):
    with unharmed(flooded) as node, ExitStack() as crowd:
        flood = [crowd.enter_context(node.host(uuid="flood", key="f" * 43)) for _ in range(5)]
        threads = [threading.Thread(target=pour, args=(each, data, 1)) for each in flood]
        for thread in threads:
            thread.start()
        with node.host(uuid="calm", key="c" * 43) as calm:
            waits = []
            for _ in range(10):
                with Stopwatch(node) as watch:
                    assert calm.pings()
                waits.append(watch.seconds)
                time.sleep(0.05)
        for thread in threads:
            thread.join(PATIENCE)
        assert statistics.median(waits) < 1

"""No answer of a Redis ends a node's process, whatever somebody has put there."""

import random

import pytest
import trio

from proxim.backends.redis import backend, coordinator, heartbeat
from proxim.backends.redis.coordinator import Coordinator
from proxim.backends.redis.records import LAYOUT
from proxim.backends.redis.url import parse_url
from tests.backends.redis.memory_coordinator import Memory
from tests.backends.redis.nodes import KEY, SHORT_LEASE, Couple, until
from tests.backends.redis.test_backend import MemberNode
from tests.backends.redis.test_faults import comes
from tests.backends.redis.test_forgery import Writer
from tests.e2e.client import PATIENCE

NUMBERS = [0, 1, -1, 2**31, 2**63 - 1, -(2**63)]
TEXTS = [b"", b"b", b"layout", b"free", b"\xff\xfe", b"foo", b"9" * 400, b"1-1"]
GOOD = {"EVALSHA": [1, b"1-aged", 60_000, [b"node"], []], "XREAD": None}
"""The first is what a heartbeat is answered; to any other script it is nonsense."""


def resp(value):
    """Encode a value as Redis does (RESP3)."""
    match value:
        case None:
            return b"_\r\n"
        case bool():
            return b"#%b\r\n" % (b"t" if value else b"f")
        case int():
            return b":%d\r\n" % value
        case float():
            return f",{value}\r\n".encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(value), value)
        case list():
            return b"*%d\r\n" % len(value) + b"".join(map(resp, value))
        case dict():
            parts = [resp(key) + resp(each) for key, each in value.items()]
            return b"%%%d\r\n" % len(value) + b"".join(parts)
    raise TypeError(value)


class HostileRedis:
    """Answers commands as a Redis should, until it ``is_hostile``; then with anything."""

    def __init__(self, seed):
        self.dice = random.Random(seed)
        self.is_hostile = False
        self.answered = 0

    async def serve(self, stream):
        buffer = b""
        try:
            while data := await stream.receive_some():
                buffer += data
                while (taken := _command(buffer)) is not None:
                    words, buffer = taken
                    await stream.send_all(self._answer(words[0].decode().upper()))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    def _answer(self, name):
        if name == "HELLO":
            return resp({b"server": b"redis", b"version": b"7.4.0", b"proto": 3, b"id": 1})
        if name not in (*GOOD, "EVAL", "INFO"):
            return b"+OK\r\n"
        if not self.is_hostile:
            return resp(GOOD.get(name, b"cluster_enabled:0\r\n"))
        self.answered += 1
        if self.dice.random() < 0.1:
            return self.dice.choice([b"-ERR no\r\n", b"(%b\r\n" % (b"9" * 400), b"!nonsense\r\n"])
        return resp(self._altered(GOOD[name]) if self.dice.random() < 0.5 else self._anything())

    def _altered(self, value):
        """Return an answer like one that a node expects, with something else in one place."""
        if not isinstance(value, list) or not value or self.dice.random() < 0.2:
            return self._anything()
        at = self.dice.randrange(len(value))
        return [*value[:at], self._altered(value[at]), *value[at + 1 :]]

    def _anything(self, depth=3):
        kinds = ["none", "number", "text", "float", "bool", *["list", "dict"] * (depth > 0)]
        match self.dice.choice(kinds):
            case "number":
                return self.dice.choice(NUMBERS)
            case "text":
                return self.dice.choice(TEXTS)
            case "float":
                return self.dice.choice([float("nan"), float("inf"), 1e308, -0.5])
            case "bool":
                return True
            case "list":
                return [self._anything(depth - 1) for _ in range(self.dice.randrange(8))]
            case "dict":
                return {each: self._anything(depth - 1) for each in TEXTS[:3]}


def _command(buffer):
    """Return the words of the first command, and what follows it; None if it is not whole."""
    head, found, rest = buffer.partition(b"\r\n")
    if not found:
        return None
    words = []
    for _ in range(int(head[1:])):
        size, found, rest = rest.partition(b"\r\n")
        if not found or len(rest) < (length := int(size[1:])) + 2:
            return None
        words.append(rest[:length])
        rest = rest[length + 2 :]
    return words, rest


class HostedNode(MemberNode):
    """A node whose coordinator is a Redis on a port."""

    def __init__(self, port):
        self._port = port
        super().__init__(Memory())

    def _make_backend(self, supervisor):
        self.coordinator = Coordinator(parse_url(f"redis://127.0.0.1:{self._port}/0"))
        return super()._make_backend(supervisor)


@pytest.mark.real_time
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.full("more seeds")) for seed in (1, 2))]
)
async def test_node_outlives_any_answer(monkeypatch, nursery, seed):
    monkeypatch.setattr(heartbeat, "HEARTBEAT_TIME", 0.02)
    for module in (backend, coordinator):
        monkeypatch.setattr(module, "_RETRY_TIME", 0.005)
    hostile = HostileRedis(seed)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    nursery.start_soon(trio.serve_listeners, hostile.serve, [listener])
    node = HostedNode(listener.socket.getsockname()[1])
    with trio.fail_after(PATIENCE):
        async with node.coordinator.opened():
            await nursery.start(node.live)
            hostile.is_hostile = True
            while hostile.answered < 300:
                await trio.sleep(0.01)
                node.member.heartbeat.request()
                node.member.limits._note_event("guesses", "key", None)
                node.supervisor.limits.connections.acquire("address")
            hostile.is_hostile = False
            while not node.member.lease.is_connected:  # noqa: ASYNC110
                await trio.sleep(0.01)
            node.life.cancel()
    nursery.cancel_scope.cancel()


@pytest.fixture
def writer(redis):
    writer = Writer(redis)
    yield writer
    writer.close()


@pytest.mark.parametrize("fields", [("x", "1"), ("b", "1", "b", "2", "x", "3"), ("b", "")])
def test_entry_that_no_node_has_written_ends_no_process(brittle, writer, fields):
    cluster = brittle(2, "--cluster-key", KEY)
    couple = Couple(cluster[0], cluster[1]).approve()
    for node in cluster.nodes:
        writer.ask("XADD", f"proxim:batches:{writer.node_at(node.port)}", "*", *fields)
    couple.talk(1, 2, 3)
    assert [node.process.poll() for node in cluster.nodes] == [None, None]


@pytest.mark.real_time
def test_layout_that_is_no_number_ends_no_process(brittle, writer):
    cluster = brittle(2, "--cluster-key", KEY, lease=SHORT_LEASE)
    writer.ask("SET", "proxim:layout", "foo")
    # Once the lease of both has expired, the first that comes back puts it right.
    until(lambda: writer.ask("GET", "proxim:layout") == b"%d" % LAYOUT)
    comes(lambda: Couple(cluster[0], cluster[1]).approve()).talk(1, 2, 3)

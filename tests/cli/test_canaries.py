"""Whole pairings by terminal and by Python, and recorders at the node, its store and its Redis.

``tests/browser/sealed.test.js`` has the same for two pages.
"""

from contextlib import ExitStack, contextmanager

import pytest
import trio

from proxim.backends.sqlite.cipher import RowCipher
from proxim.backends.sqlite.file import StoreFile
from proxim.client import open_guest, open_host
from tests.backends.redis.redis_server import RedisServer
from tests.backends.redis.test_sealed import monitored
from tests.backends.redis.test_secrecy import everything
from tests.client.helpers import PATIENCE
from tests.client.sealed import at
from tests.e2e.client import Node
from tests.recorder import Recorder

KEY = "k" * 32
GUEST = "Canary phone of Zoe"
HOST = "Canary desk of Ada"
LINE = "the canary sings at five"
OF_WEBRTC = ("candidate:", "a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "v=0")

# -- the ways to pair: each returns what a node sees of it if it is not sealed -------------------


def by_terminal(start, host_url, guest_url, *, sealed):
    """Two terminals chat over a direct connection."""
    _terminals(start, host_url, guest_url, sealed, {})
    return (GUEST, *OF_WEBRTC)


def by_terminal_without_webrtc(start, host_url, guest_url, *, sealed, without_aiortc):
    """Two terminals chat through the node."""
    _terminals(start, host_url, guest_url, sealed, without_aiortc)
    return (GUEST, LINE)


def _terminals(start, host_url, guest_url, sealed, environ):
    options = () if sealed else ("--plain",)
    host = start("host", "--type", "persistent", "--json", "--node", host_url, *options, **environ)
    link = at(host.event("session")["link"], guest_url)
    guest = start("join", link, "--name", GUEST, "--json", **environ)
    number = guest.event("pending")["code"]
    while number is None:
        number = guest.event("pending")["code"]
    assert host.event("prompt")["device_info"]["name"] == GUEST
    host.type(f"{number}\n")
    for side in (host, guest):
        assert side.event("channel")["open"] is not bool(environ)
    for one, other in ((host, guest), (guest, host)):
        one.type(f"{LINE}\n")
        assert other.event("chat")["text"] == LINE


def by_python(start, host_url, guest_url, *, sealed):
    """Two programs make a channel, and send signals, too."""
    trio.run(_programs, host_url, guest_url, sealed)
    return (GUEST, HOST, LINE, *OF_WEBRTC)


async def _programs(host_url, guest_url, sealed):
    with trio.fail_after(PATIENCE):
        async with open_host(host_url, uuid="desk", name=HOST) as host:
            plain = {} if sealed else {"confirm": "code", "host_name": HOST}
            session = await host.create("persistent", sealed=sealed, **plain)
            async with open_guest(at(session.link, guest_url), name=GUEST) as guest:
                number = await guest.wait_code()
                await (await session.prompt()).approve(number)
                await guest.approved()
                async with trio.open_nursery() as nursery:
                    for side in (session, guest):
                        nursery.start_soon(side.channel)
                await session.send(LINE)
                assert await guest.receive() == LINE
                await guest.send({"line": LINE})
                assert await session.receive() == {"line": LINE}


WAYS = [by_terminal, by_terminal_without_webrtc, by_python]
CANARIES = (GUEST, HOST, LINE, *OF_WEBRTC)

# -- the places where nodes keep sessions --------------------------------------------------------


@contextmanager
def in_store(tmp_path):
    """One node with a store; yields what is then in the store."""
    path = tmp_path / "sessions.db"
    written = []
    with recorded(1, "--store", f"sqlite://{path}", "--store-key", KEY) as places:
        yield *places, written
    rows = StoreFile(str(path)).rows()
    assert rows
    written += [RowCipher(KEY).decrypt(row, name).decode() for name, row in rows.items()]


@contextmanager
def in_redis(tmp_path):
    """Two nodes on one Redis, without a key; yields all that they have sent it."""
    redis = RedisServer(tmp_path)
    written = []
    try:
        with monitored(redis) as commands, recorded(2, "--cluster", redis.url) as places:
            yield *places, written
            written += [value.decode(errors="replace") for value in everything(redis).values()]
        written += [line.decode(errors="replace") for line in commands]
        assert any("SendSignal" in line for line in written)
    finally:
        redis.stop()


@contextmanager
def recorded(count, *options):
    """Nodes, each behind a recorder."""
    with ExitStack() as stack:
        recorders = []
        for _ in range(count):
            node = Node(*options)
            recorders.append(Recorder(node.port))
            stack.callback(recorders[-1].close)
            stack.callback(node.stop)
        yield recorders[0], recorders[-1]


PLACES = [
    in_store,
    pytest.param(in_redis, marks=[pytest.mark.full("Redis"), pytest.mark.needs("redis-server")]),
]


@pytest.fixture
def pair(start, without_aiortc):
    """Pairs in a way; returns what a node would see of it if it were not sealed."""

    def pair(way, *urls, sealed):
        more = {"without_aiortc": without_aiortc} if way is by_terminal_without_webrtc else {}
        return way(start, *urls, sealed=sealed, **more)

    return pair


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("way", WAYS)
def test_no_recorder_sees_a_canary_of_a_sealed_pairing(tmp_path, pair, way, place):
    with place(tmp_path) as (first, last, written):
        pair(way, first.url, last.url, sealed=True)
    seen = [first.text(), last.text(), *written]
    assert all('"pair_ack"' in each.text() for each in {first, last})
    for canary in CANARIES:
        assert not any(canary in text for text in seen), canary


@pytest.mark.parametrize("way", WAYS)
def test_recorder_sees_every_canary_of_a_plain_pairing(tmp_path, pair, way):
    with in_store(tmp_path) as (recorder, _, _written):
        canaries = pair(way, recorder.url, recorder.url, sealed=False)
    assert [each for each in canaries if each not in recorder.text()] == []

"""The channel of a program without Trio, and a guest in another thread that echoes."""

import contextlib
import queue
import sys
import threading

import pytest
import trio

import proxim
from proxim.client import open_guest
from proxim.protocol.errors import ChannelClosed, ConnectionLost, SessionOver
from tests.threads.helpers import PATIENCE, nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True, scope="module")
def imported():
    # aiortc keeps a few descriptors from its import on.
    import proxim.rtc.connection  # noqa: F401


@pytest.fixture(autouse=True)
def tidy():
    with nothing_left():
        yield


class Echo(threading.Thread):
    """A guest that sends back what it hears, and opens a data channel ``greeting``."""

    def __init__(self, link):
        super().__init__()
        self._link = link
        self.start()

    def run(self):
        trio.run(self._live)

    async def _live(self):
        with trio.fail_after(PATIENCE):
            async with open_guest(self._link, name="Phone") as guest:
                try:
                    channel = await guest.channel()
                except SessionOver:
                    return  # The node may end as soon as the host has its side.
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._greet, channel)
                    nursery.start_soon(self._answer, channel)
                    async for message in channel:
                        await channel.send(message)

    async def _greet(self, channel):
        # Most tests end before the answer.
        with contextlib.suppress(ChannelClosed, SessionOver):
            async with await channel.open("greeting") as other:
                await other.send("welcome")
                assert await other.receive() == "thanks"

    async def _answer(self, channel):
        async for other in channel.incoming():
            async for message in other:
                await other.send(message)


@pytest.fixture
def session():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=lambda _: True)
        echo = Echo(session.link)
        yield session
        session.close()
        echo.join(PATIENCE)
        assert not echo.is_alive()


def test_channel_blocks_and_iterates(session):
    channel = session.channel(PATIENCE)
    assert channel.is_open
    assert channel.path().protocol == "udp"
    channel.send("text")
    channel.send(b"bytes")
    assert channel.receive(PATIENCE) == "text"
    assert next(iter(channel)) == b"bytes"
    with pytest.raises(TimeoutError):
        channel.receive(0.01)
    session.close()
    assert list(channel) == list(channel.incoming())[1:] == list(channel.presence()) == []
    with pytest.raises(SessionOver):
        channel.send("late")


def test_data_channels_block_and_iterate(session):
    channel = session.channel(PATIENCE)
    with next(channel.incoming()) as greeting:
        assert greeting.label == "greeting"
        assert next(iter(greeting)) == "welcome"
        greeting.send("thanks")
        assert list(greeting) == []
    with channel.open("file") as file:
        file.send(b"content")
        assert file.receive(PATIENCE) == b"content"
        assert file.is_open
    with pytest.raises(ChannelClosed):
        file.send(b"more")


def test_listener_is_called_by_a_thread_and_survives_its_exceptions(session, caplog):
    channel = session.channel(PATIENCE)
    heard = queue.Queue()

    def receive(message):
        heard.put((message, threading.current_thread().name))
        raise RuntimeError("of the application")

    channel.listen(receive)
    for message in ("a", "b"):
        channel.send(message)
        assert heard.get(timeout=PATIENCE) == (message, "proxim-listen")
    assert "the application failed at a message" in caplog.text


def test_listener_is_called_by_call_in():
    calls = queue.Queue()
    with proxim.run_in_thread(port=0, call_in=calls.put) as node:
        session = node.open_session()
        echo = Echo(session.link)
        session.prompt(PATIENCE).approve()
        channel = session.channel(PATIENCE)
        heard = []
        channel.listen(heard.append)
        channel.send("first")
        channel.send("second")
        for number in (1, 2):
            call = calls.get(timeout=PATIENCE)
            assert len(heard) == number - 1
            call()
        assert heard == ["first", "second"]
        session.close()
        echo.join(PATIENCE)


def test_refused_channel_is_told_to_the_guest():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=lambda _: True)
        session.refuse_channel()

        async def ask():
            async with open_guest(session.link, name="Phone") as guest:
                await guest.channel()

        with pytest.raises(proxim.ProximError, match="has no WebRTC"):
            trio.run(ask)


def test_channel_ends_with_the_node():
    with proxim.run_in_thread(port=0) as node:
        session = node.open_session(decide=lambda _: True)
        echo = Echo(session.link)
        channel = session.channel(PATIENCE)
    echo.join(PATIENCE)
    assert list(channel) == []
    with pytest.raises(ConnectionLost):
        channel.send("late")

"""Two Python programs, and the channel between them."""

import asyncio
import sys
import threading
from functools import partial

import pytest
import trio
import trio.testing

from proxim.client import open_guest, open_host, resume_guest
from proxim.files import open_offers, send_file
from proxim.node import Node
from proxim.protocol.errors import (
    ChannelClosed,
    ConnectionLost,
    NotSupported,
    SessionOver,
    TransferFailed,
    Unreachable,
)
from proxim.rtc import connector
from proxim.rtc.loop import Loop
from tests.client.helpers import PATIENCE, hear, paired, until
from tests.rtc.helpers import (
    break_connection,
    channels,
    close_main,
    end_attempts,
    is_open,
    joined,
)

MESSAGES = ["text", "", "dž 🎈", b"", b"\0bytes", bytes(256 * 1024), "x" * 65_000]


async def test_both_sides_send_text_and_bytes(node):
    async with joined(node.url) as (host, guest, *_):
        assert (host.is_open, guest.is_open) == (True, True)
        for one, other in ((host, guest), (guest, host)):
            for message in MESSAGES:
                await one.send(message)
            assert await hear(other, len(MESSAGES)) == MESSAGES


async def test_channel_is_one_for_each_session(node):
    async with joined(node.url) as (host, _, session, _):
        assert await session.channel() is host


async def test_what_is_no_message_is_refused(node):
    async with joined(node.url) as (host, guest, *_):
        with pytest.raises(TypeError, match="text or bytes, not dict"):
            await host.send({})
        with pytest.raises(ValueError, match="262144"):
            await host.send(bytes(256 * 1024 + 1))
        await host.send(bytearray(b"more"))
        assert await hear(guest, 1) == [b"more"]


async def test_session_can_be_closed_behind_flushed_messages(node):
    async with joined(node.url) as (host, guest, session, _):
        for number in range(50):
            await host.send(str(number) + " " * 50_000)
        await host.flush()
        await session.close()
        with trio.fail_after(PATIENCE):
            heard = [int(message) async for message in guest]
    assert heard == list(range(50))


async def test_call_of_a_loop_that_ends_says_that_the_connection_is_closed():
    loop = Loop.enter()

    async def end():
        await trio.testing.wait_all_tasks_blocked()
        loop.leave()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(end)
        with pytest.raises(ChannelClosed):
            await loop.call(asyncio.sleep, 3600)


async def test_call_of_a_loop_that_has_ended_says_so():
    loop = Loop.enter()
    loop.leave()
    await until(loop.asyncio.is_closed)
    with pytest.raises(ChannelClosed):
        await loop.call(asyncio.sleep, 0)


async def test_call_that_an_ending_loop_does_not_begin_says_so(monkeypatch):
    loop = Loop.enter()
    close, stopped, goes_on = loop.asyncio.close, threading.Event(), threading.Event()

    def close_later():
        stopped.set()
        goes_on.wait(PATIENCE)
        close()

    async def go_on():
        await trio.testing.wait_all_tasks_blocked()
        goes_on.set()

    monkeypatch.setattr(loop.asyncio, "close", close_later)
    loop.leave()
    await until(stopped.is_set)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(go_on)
        with trio.fail_after(PATIENCE), pytest.raises(ChannelClosed):
            await loop.call(asyncio.sleep, 0)


async def test_path_says_how_the_sides_are_connected(node):
    async with joined(node.url) as (host, guest, *_):
        for channel in (host, guest):
            path = await channel.path()
            assert (path.protocol, path.relayed) == ("udp", False)
            assert {path.local, path.remote} <= {"host", "prflx"}
            assert 0 < path.round_trip < PATIENCE


async def test_signals_of_the_application_go_on(node):
    async with paired(node.url) as (session, guest):
        # Some before the channel, and some after it.
        await guest.send({"rtc": "not an object"})
        await guest.send("before")
        host, _ = await channels(session, guest)
        await guest.send({"after": [{"rtc": 1}]})
        assert await hear(session, 3) == [
            {"rtc": "not an object"},
            "before",
            {"after": [{"rtc": 1}]},
        ]
        assert host.is_open


async def test_signals_before_the_first_call_are_not_lost(node):
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        await session.send("first")
        nursery.start_soon(session.channel)
        await until(lambda: len(guest._unread) >= 2)
        with trio.fail_after(PATIENCE):
            channel = await guest.channel()
        assert channel._connector._retries == 0
        assert await hear(guest, 1) == ["first"]
        assert guest.unread_bytes == 0


async def test_without_a_channel_its_signals_are_received(node):
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        nursery.start_soon(guest.channel)
        (signal,) = await hear(session, 1)
        assert list(signal["rtc"]) == ["from"]
        nursery.cancel_scope.cancel()


async def test_channel_waits_for_the_approval(node):
    async with (
        open_host(node.url, uuid="desk") as host,
        trio.open_nursery() as nursery,
    ):
        session = await host.create("persistent")
        nursery.start_soon(session.channel)
        async with open_guest(session.link, name="Phone") as guest:
            nursery.start_soon(guest.channel)
            await (await session.prompt()).approve()
            await channels(session, guest)


async def test_lost_connection_is_replaced(node):
    async with joined(node.url) as (host, guest, *_), trio.open_nursery() as nursery:
        seen = []

        async def watch():
            async for each in guest.presence():
                seen.append(each)

        nursery.start_soon(watch)
        await trio.testing.wait_all_tasks_blocked()
        await break_connection(host)
        await is_open(host, False)
        await host.send("in the gap")
        assert await hear(guest, 1) == ["in the gap"]
        await guest.send("back")
        assert await hear(host, 1) == ["back"]
        assert seen == [False, True]
        nursery.cancel_scope.cancel()


async def test_channel_goes_on_while_the_node_is_away(wire):
    async with joined(wire.url, guest_url=wire.url) as (host, guest, session, other):
        await wire.cut(session, other)
        for number in range(3):
            await host.send(str(number))
        assert await hear(guest, 3) == ["0", "1", "2"]
        await wire.mend()
        await session.send("by the node")
        assert await hear(other, 1) == ["by the node"]
        await guest.send("on")
        assert await hear(host, 1) == ["on"]
        assert host.is_open


async def test_connection_that_breaks_while_the_node_is_away_is_replaced(wire):
    async with joined(wire.url, guest_url=wire.url) as (host, guest, session, other):
        await wire.cut(session, other)
        await break_connection(host)
        await is_open(guest, False)
        await wire.mend()
        await guest.send("again")
        assert await hear(host, 1) == ["again"]


async def test_guest_that_comes_back_as_a_new_program_connects(node):
    async with open_host(node.url, uuid="desk") as owner:
        session = await owner.create("persistent")
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve()
            host, _ = await channels(session, guest)
            token = guest.resume_token
        await is_open(host, False)
        async with resume_guest(node.url, session.session_id, token) as guest:
            with trio.fail_after(PATIENCE):
                channel = await guest.channel()
            await channel.send("here again")
            assert await hear(host, 1) == ["here again"]


async def test_embedded_host_has_a_channel():
    async with Node(port=0) as node:
        session = await node.open_session(decide=lambda _: True)
        async with open_guest(session.link, name="Phone") as guest:
            host, other = await channels(session, guest)
            await host.send("from the node's process")
            assert await hear(other, 1) == ["from the node's process"]
            await session.close()
            with pytest.raises(SessionOver):
                await other.receive()


async def test_program_without_data_channels_refuses_files(node, monkeypatch, tmp_path):
    monkeypatch.setattr("proxim.rtc.channels.UNTAKEN_TIME", 0.3)
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(b"photo")
    async with joined(node.url) as (host, guest, *_):
        # More than may wait.
        for _ in range(40):
            with trio.fail_after(PATIENCE), pytest.raises(TransferFailed, match="takes no files"):
                await send_file(guest, photo)
        async with await guest.open("file") as other:
            # A page could not send its offer once the channel is closing.
            await trio.sleep(0.3)
            with pytest.raises(trio.WouldBlock):
                other.receive_nowait()
            await other.send("an offer")
            assert await hear(other, 1) == ['{"cancel": "not_supported"}']
        await guest.send("hello")
        assert await hear(host, 1) == ["hello"]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(receive_offers, host, tmp_path / "received"))
            await send_file(guest, photo)
            nursery.cancel_scope.cancel()
    assert (tmp_path / "received" / "holiday.jpg").read_bytes() == b"photo"


async def test_program_that_takes_a_file_late_gets_it(node, monkeypatch, tmp_path):
    monkeypatch.setattr("proxim.rtc.channels.UNTAKEN_TIME", 0.6)
    photo = tmp_path / "holiday.jpg"
    photo.write_bytes(b"photo")
    async with joined(node.url) as (host, guest, *_), trio.open_nursery() as nursery:
        nursery.start_soon(send_file, guest, photo)
        await trio.sleep(0.2)
        async with open_offers(host) as offers:
            offer = await offers.receive()
            await trio.sleep(0.6)
            await offer.save(tmp_path / "received")
    assert (tmp_path / "received" / "holiday.jpg").read_bytes() == b"photo"


async def receive_offers(channel, folder):
    async with open_offers(channel) as offers:
        async for offer in offers:
            await offer.save(folder)


async def test_channel_ends_with_the_session(node):
    async with joined(node.url) as (host, guest, session, _), trio.open_nursery() as nursery:
        heard, waited = [], []

        async def read():
            async for each in guest:
                heard.append(each)

        async def wait():
            waited.extend([each async for each in guest.incoming()])
            waited.extend([each async for each in guest.presence()])
            waited.append("over")

        nursery.start_soon(read)
        nursery.start_soon(wait)
        await host.send("last")
        await until(lambda: heard)
        await session.close()
        await until(lambda: waited)
        assert (heard, waited) == (["last"], ["over"])
        for use in (lambda: guest.send("late"), guest.receive, lambda: guest.open("late")):
            with pytest.raises(SessionOver):
                await use()
        with pytest.raises(SessionOver):
            await session.channel()
        assert not guest.is_open
        assert await guest.path() is None


async def test_program_that_leaves_the_node_ends_the_channel_and_the_thread(node):
    async with joined(node.url) as (host, *_):
        assert "proxim-rtc" in [each.name for each in threading.enumerate()]
    with pytest.raises(ConnectionLost):
        await host.receive()
    await until(lambda: "proxim-rtc" not in [each.name for each in threading.enumerate()])


async def test_channel_of_a_program_that_has_left_the_node_is_refused(node):
    async with paired(node.url) as (session, _):
        pass
    with pytest.raises(ConnectionLost):
        await session.channel()
    await until(lambda: "proxim-rtc" not in [each.name for each in threading.enumerate()])


async def test_further_data_channels(node):
    async with joined(node.url) as (host, guest, *_), trio.open_nursery() as nursery:

        async def echo():
            async for channel in guest.incoming():
                async with channel:
                    async for message in channel:
                        await channel.send(f"{channel.label}: {message}")

        nursery.start_soon(echo)
        with trio.fail_after(PATIENCE):
            for label in ("file", "", "a/b c"):
                async with await host.open(label) as channel:
                    await channel.send("a")
                    assert await channel.receive() == f"{label}: a"
                with pytest.raises(ChannelClosed):
                    await channel.receive()
                with pytest.raises(ChannelClosed):
                    await channel.send("b")
            with pytest.raises(ValueError, match="ASCII"):
                await host.open("höher")
        assert (host.is_open, guest.is_open) == (True, True)
        nursery.cancel_scope.cancel()


async def test_closed_data_channel_still_has_what_was_sent(node):
    async with joined(node.url) as (host, guest, *_):
        channel = await host.open("file")
        await channel.send("first")
        await channel.send(bytes(200_000)[:60_000])
        await channel.aclose()
        with trio.fail_after(PATIENCE):
            other = await anext(guest.incoming())
            assert [len(each) async for each in other] == [5, 60_000]


async def test_data_channels_end_with_their_connection(node):
    async with joined(node.url) as (host, guest, *_):
        channel = await host.open("file")
        with trio.fail_after(PATIENCE):
            other = await anext(guest.incoming())
        await break_connection(host)
        with trio.fail_after(PATIENCE):
            for each in (channel, other):
                with pytest.raises(ChannelClosed):
                    await each.receive()
        await host.send("goes on")
        assert await hear(guest, 1) == ["goes on"]


async def test_data_channels_that_nobody_takes_are_bounded(node):
    async with joined(node.url) as (host, guest, *_):
        opened = [await host.open(str(number)) for number in range(40)]
        with trio.fail_after(PATIENCE):
            for each in opened[32:]:
                with pytest.raises(ChannelClosed):
                    await each.receive()
        first = await anext(guest.incoming())
        assert first.label == "0"
        assert opened[0].is_open


async def test_main_channel_that_is_closed_alone_is_opened_again(node):
    async with joined(node.url) as (host, guest, *_):
        connection = host._connector._connection
        close_main(guest)
        await is_open(guest, False)
        await host.send("by a new one")
        assert await hear(guest, 1) == ["by a new one"]
        assert host._connector._connection is connection


async def test_host_gives_up_a_main_channel_that_is_closed_each_time(node, monkeypatch):
    monkeypatch.setattr(connector, "REOPEN_DELAY", 0)
    async with joined(node.url) as (host, guest, *_):
        for _ in range(connector.MAX_REOPENED + 1):
            await is_open(guest, True)
            main = close_main(guest)
            await until(lambda main=main: guest._connector.channels.main is not main)
        with trio.fail_after(PATIENCE), pytest.raises(Unreachable, match="again and again"):
            await host.receive()


async def test_receiver_that_does_not_read_is_not_flooded_and_loses_nothing(node):
    async with joined(node.url) as (host, guest, *_), trio.open_nursery() as nursery:
        gate = guest._connector.channels.gate
        sent = 0

        async def flood():
            nonlocal sent
            while sent < 250:
                await host.send(sent.to_bytes(2, "big") + bytes(50_000))
                sent += 1

        nursery.start_soon(flood)
        await until(lambda: gate._is_closed)
        await trio.sleep(1)
        assert sent < 250
        assert gate._waiting < 9_000_000
        with trio.fail_after(5 * PATIENCE):
            for number in range(250):
                message = await guest.receive()
                assert int.from_bytes(message[:2], "big") == number
        assert gate._waiting == 0


async def test_other_side_that_never_answers_is_unreachable(node, monkeypatch):
    monkeypatch.setattr(connector, "CONNECT_TIME", {"host": 0.01, "guest": 0.01})
    async with paired(node.url) as (session, _):
        with trio.fail_after(PATIENCE):
            with pytest.raises(Unreachable, match="after several attempts") as caught:
                await session.channel()
            assert caught.value.code == "unreachable"
            with pytest.raises(Unreachable):
                await session.channel()


async def test_attempts_begin_again_when_the_other_side_starts(node):
    async with paired(node.url) as (session, guest):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(end_attempts, session)
            with trio.fail_after(PATIENCE), pytest.raises(Unreachable):
                await session.channel()
        channel = session._peering._connector.channel
        with pytest.raises(Unreachable):
            await channel.send("now")
        with trio.fail_after(PATIENCE):
            other = await guest.channel()
            await other.send("hello")
            assert await channel.receive() == "hello"


async def test_without_aiortc_both_sides_learn_of_it(node, monkeypatch):
    async with paired(node.url) as (session, guest):
        await channels(session, guest)
    monkeypatch.delitem(sys.modules, "proxim.rtc.connection")
    async with paired(node.url) as (session, guest), trio.open_nursery() as nursery:
        with monkeypatch.context() as hidden:
            hidden.setitem(sys.modules, "aiortc", None)
            with pytest.raises(NotSupported, match="pip install"):
                await guest.channel()
        with trio.fail_after(PATIENCE), pytest.raises(Unreachable, match="has no WebRTC"):
            await session.channel()
        await session.send("chat")
        assert await hear(guest, 1) == ["chat"]
        nursery.cancel_scope.cancel()


async def test_side_that_refuses_says_so_again_when_the_other_one_comes_back(node):
    async with open_host(node.url, uuid="desk") as owner:
        session = await owner.create("persistent")
        session.refuse_channel()
        async with open_guest(session.link, name="Phone") as guest:
            await (await session.prompt()).approve()
            with trio.fail_after(PATIENCE), pytest.raises(Unreachable):
                await guest.channel()
            token = guest.resume_token
        async with resume_guest(node.url, session.session_id, token) as guest:
            (signal,) = await hear(guest, 1)
            assert signal == {"rtc": {"unavailable": True}}
            with trio.fail_after(PATIENCE), pytest.raises(Unreachable):
                await guest.channel()
            # A later real start connects both.
            waiting = guest._peering._connector.channel
            with trio.fail_after(PATIENCE):
                host = await session.channel()
            await host.send("after all")
            assert await hear(waiting, 1) == ["after all"]

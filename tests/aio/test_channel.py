"""The channel for asyncio and for plain scripts, between two programs in one process."""

import asyncio
import sys

import pytest

import proxim
from proxim import aio, sync
from tests.aio.test_aio import paired, run
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


@pytest.fixture
def node(tidy):
    with proxim.run_in_thread(port=0) as node:
        yield node


def test_both_sides_send_text_and_bytes(node):
    async def main():
        async with paired(node) as (session, guest):
            ours, theirs = await asyncio.gather(session.channel(), guest.channel())
            assert ours.is_open
            await ours.send("text")
            await ours.send(b"bytes")
            assert [await theirs.receive(), await theirs.receive()] == ["text", b"bytes"]
            assert (await ours.path()).relayed is False
            assert await anext(echoes(theirs, ours)) == "again"
            await session.close()
            assert [message async for message in ours] == []

    async def echoes(theirs, ours):
        await theirs.send("again")
        async for message in ours:
            yield message

    run(main)


def test_side_opens_another_data_channel(node):
    async def main():
        async with paired(node) as (session, guest):
            ours, theirs = await asyncio.gather(session.channel(), guest.channel())
            async with await ours.open("files") as files:
                await files.send(b"photo")
                other = await anext(theirs.incoming())
                assert (other.label, await other.receive()) == ("files", b"photo")
            assert [message async for message in other] == []

    run(main)


def test_cancelled_receive_never_loses_a_message(node):
    async def main():
        async with paired(node) as (session, guest):
            ours, theirs = await asyncio.gather(session.channel(), guest.channel())
            heard = []
            for number in range(100):
                receiving = asyncio.create_task(theirs.receive())
                await ours.send(str(number))
                for _ in range(number % 5):
                    await asyncio.sleep(0.001)
                receiving.cancel()
                found = await asyncio.gather(receiving, return_exceptions=True)
                heard += [each for each in found if isinstance(each, str)]
            while len(heard) < 100:
                heard.append(await theirs.receive())
            assert heard == [str(number) for number in range(100)]

    run(main)


def test_scripts_have_the_channel_too(node):
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("persistent")

        async def be_guest():
            async with aio.open_guest(session.link, name="Phone") as guest:
                await guest.approved()
                channel = await guest.channel()
                await channel.send(await channel.receive())
                await guest.ended()

        async def main():
            guest = asyncio.create_task(be_guest())
            await asyncio.to_thread(be_host)
            await guest

        def be_host():
            session.prompt(timeout=PATIENCE).approve()
            channel = session.channel(timeout=PATIENCE)
            channel.send(b"hello")
            assert channel.receive(timeout=PATIENCE) == b"hello"
            session.close()

        run(main)

"""The SDK for asyncio, with a real node in the same process."""

import asyncio
import socket
import subprocess
import sys
import threading
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio

import proxim
from proxim import aio
from proxim.protocol.messages import SessionInfo
from tests.threads.helpers import PATIENCE, node_process, nothing_left


@pytest.fixture(autouse=True)
def tidy():
    if sys.platform.startswith("linux"):
        with nothing_left():
            yield
    else:
        yield


@pytest.fixture
def node(tidy):
    with proxim.run_in_thread(port=0) as node:
        yield node


def run(main, *args):
    """Run a coroutine function in asyncio, for at most ``PATIENCE``."""

    async def limited():
        async with asyncio.timeout(PATIENCE):
            return await main(*args)

    return asyncio.run(limited())


async def until(condition):
    """Wait until a condition is true that has no event."""
    while not condition():  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0.01)


@asynccontextmanager
async def paired(node, kind="persistent"):
    """Both sides of an approved session."""
    async with aio.open_host(node.url, uuid="desk") as host:
        session = await host.create(kind)
        async with aio.open_guest(session.link, name="Phone") as guest:
            prompt = await session.prompt()
            await prompt.approve()
            await guest.approved()
            yield session, guest


def test_host_and_guest_exchange_signals(node):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            assert (host.uuid, len(host.key)) == ("desk", 43)
            session = await host.create("one_time")
            assert session.info.session_type == "one_time"
            assert 290 < session.lapses_in <= 300
            assert host.sessions == {session.session_id: session}
            async with aio.open_guest(session.link, name="Phone", device_id="1") as guest:
                assert 0 < guest.expires_in <= 40
                prompt = await session.prompt()
                assert prompt.device_info == proxim.DeviceInfo(name="Phone", id="1")
                assert not prompt.is_over
                result = await prompt.approve()
                assert (result.status, session.status) == ("approved", "approved")
                await guest.approved()
                await session.send({"hello": "guest"})
                assert await guest.receive() == {"hello": "guest"}
                for number in range(3):
                    await guest.send(number)
                signals = session.signals()
                assert [await anext(signals) for _ in range(3)] == [0, 1, 2]
                assert (await session.refresh_ice()).ice_servers == session.ice_servers == []
                (info,) = await host.list()
                assert type(info) is SessionInfo
                await guest.close()
                assert (await session.ended()).reason == "closed"
                assert [data async for data in signals] == []
                assert prompt.is_over

    run(main)


def test_guest_comes_back_with_its_resume_token(node):
    tokens = []

    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("persistent")
            async with aio.open_guest(
                session.link, name="Phone", store_token=tokens.append
            ) as guest:
                await (await session.prompt()).approve()
                await guest.approved()
                presence = session.presence()
                left = asyncio.create_task(anext(presence))
                await asyncio.sleep(0)
            assert await left is False
            async with aio.resume_guest(node.url, session.session_id, tokens[-1]) as guest:
                assert await anext(presence) is True
                assert guest.node_url == node.url
                assert guest.status == "approved"
                await session.close()
                assert (await guest.ended()).reason == "closed"
            assert [online async for online in presence] == []
            assert [notice async for notice in session.notices()] == []

    run(main)


def test_guest_shows_its_code_and_a_wrong_one_declines(node):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("one_time", confirm="code")
            async with aio.open_guest(session.link, name="Phone") as guest:
                prompt = await session.prompt()
                with pytest.raises(proxim.CodeRequired):
                    await prompt.approve()
                assert await guest.wait_code() == guest.code
                wrong = "123" if guest.code != "123" else "124"
                with pytest.raises(proxim.WrongCode):
                    await prompt.approve(wrong)
                with pytest.raises(proxim.SessionOver, match="rejected"):
                    await guest.approved()

    run(main)


def test_exceptions_are_those_of_the_sdk(node):
    async def main():
        with pytest.raises(proxim.InvalidLink):
            async with aio.open_guest("not a link", name="Phone"):
                pass
        with pytest.raises(proxim.ConnectionLost, match="cannot be reached"):
            async with aio.open_host("http://127.0.0.1:1", uuid="desk"):
                pass
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("one_time")
            with pytest.raises(proxim.NotApproved):
                await session.send("too early")
            with pytest.raises(proxim.RequestError):
                await host.close("unknown")
            await session.close()
            with pytest.raises(proxim.SessionOver, match="closed"):
                await session.prompt()
        with pytest.raises(proxim.ConnectionLost, match="its block has ended"):
            await host.list()

    run(main)


def test_exception_of_the_block_is_raised_as_it_is(node):
    async def main():
        with pytest.raises(ZeroDivisionError):
            async with aio.open_host(node.url, uuid="desk"):
                raise ZeroDivisionError

    run(main)


def test_error_of_store_token_is_raised_at_the_end(node):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("one_time")
            with pytest.raises(ZeroDivisionError):
                async with aio.open_guest(
                    session.link, name="Phone", store_token=lambda token: 1 / 0
                ):
                    pass

    run(main)


# -- cancellation ----------------------------------------------------------------------------


def test_timeout_cancels_the_call_and_loses_no_signal(node):
    async def main():
        async with paired(node) as (session, guest):
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01):
                        await guest.receive()
            await session.send("after all")
            assert await guest.receive() == "after all"

    run(main)


def test_cancelled_receive_never_loses_a_signal(node):
    async def main():
        async with paired(node) as (session, guest):
            heard = []
            for number in range(200):
                receiving = asyncio.create_task(guest.receive())
                await session.send(number)
                for _ in range(number % 5):
                    await asyncio.sleep(0)
                receiving.cancel()
                heard += [
                    each
                    for each in await asyncio.gather(receiving, return_exceptions=True)
                    if not isinstance(each, asyncio.CancelledError)
                ]
            while len(heard) < 200:
                heard.append(await guest.receive())
            assert heard == list(range(200))

    run(main)


def test_cancelled_task_cancels_its_call_in_trio(node):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("one_time")
            waiting = asyncio.create_task(session.prompt())
            await until(lambda: waits(session))
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await until(lambda: not waits(session))

    def waits(session):
        return len(session._inner._changed)

    run(main)


@pytest.mark.parametrize("closes", [True, False])
def test_guest_that_waits_can_cancel_its_request(node, closes):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("persistent")
            async with aio.open_guest(session.link, name="Phone") as guest:
                await session.prompt()
                if closes:
                    await guest.close()
            assert (await session.ended()).reason == "disconnected"

    run(main)


def test_failed_task_group_ends_the_block(node):
    async def fail():
        raise ZeroDivisionError

    async def work():
        async with asyncio.TaskGroup() as group, paired(node) as (_, guest):
            group.create_task(guest.receive())
            group.create_task(fail())
            await guest.ended()

    async def main():
        with pytest.raises(ExceptionGroup) as caught:
            await work()
        assert [type(each) for each in caught.value.exceptions] == [ZeroDivisionError]

    run(main)


def test_start_can_be_cancelled():
    # The system accepts the connection, and no program answers.

    async def main(url):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2), aio.open_host(url, uuid="desk"):
                pytest.fail("nobody answered")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        run(main, f"http://127.0.0.1:{silent.getsockname()[1]}")


# -- several, and the end --------------------------------------------------------------------


def test_several_hosts_in_one_process(node):
    async def main():
        async with AsyncExitStack() as stack:
            hosts = [
                await stack.enter_async_context(aio.open_host(node.url, uuid=f"desk-{number}"))
                for number in range(4)
            ]
            sessions = await asyncio.gather(*(host.create("one_time") for host in hosts))
            assert [list(host.sessions.values()) for host in hosts] == [[s] for s in sessions]

    run(main)
    assert "proxim" not in {thread.name for thread in threading.enumerate()}


def test_waiting_calls_raise_when_the_block_ends(node):
    async def main():
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("persistent")
            waiting = [asyncio.create_task(call()) for call in (session.prompt, session.receive)]
            await asyncio.sleep(0.05)
        for each in waiting:
            with pytest.raises(proxim.ConnectionLost, match="its block has ended"):
                await each

    run(main)


def test_session_ends_when_the_node_stops():
    async def main():
        with proxim.run_in_thread(port=0) as node:
            stack = AsyncExitStack()
            host = await stack.enter_async_context(aio.open_host(node.url, uuid="desk"))
            session = await host.create("one_time")
        assert (await session.ended()).reason == "shutdown"
        await stack.aclose()

    run(main)


def test_program_that_exits_in_the_block_does_not_hang(node):
    program = """
import asyncio, sys
from proxim import aio

async def main():
    async with aio.open_host(sys.argv[1], uuid="desk") as host:
        session = await host.create("one_time")
        sys.exit(3)

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, node.url],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (3, "")


# -- the wrong loop --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("opened", "instead"),
    [
        (lambda: proxim.open_host("http://x", uuid="desk"), "proxim.aio.open_host"),
        (lambda: proxim.open_guest("http://x/join#s.t", name="Phone"), "proxim.aio.open_guest"),
        (lambda: proxim.resume_guest("http://x", "s", "t"), "proxim.aio.resume_guest"),
        (lambda: proxim.Node(port=0), "proxim.run_in_thread"),
    ],
)
def test_trio_sdk_in_asyncio_says_what_to_use(opened, instead):
    async def main():
        with pytest.raises(RuntimeError, match=f"asyncio runs in this thread: use {instead}"):
            async with opened():
                pass

    run(main)


def test_node_and_serve_in_asyncio_say_what_to_use():
    async def main():
        for start in (proxim.serve, proxim.Node(port=0).run):
            with pytest.raises(RuntimeError, match=r"use proxim\.run_in_thread"):
                await start()

    run(main)


def test_asyncio_sdk_in_trio_says_so(node):
    async def main():
        with pytest.raises(RuntimeError, match=r"Trio runs in this thread: use proxim\.open_host"):
            async with aio.open_host(node.url, uuid="desk"):
                pass

    trio.run(main)


def test_known_device_comes_again(node, tmp_path):
    devices, grants = proxim.DeviceFile(tmp_path / "devices"), proxim.GrantFile(tmp_path / "grants")

    async def main():
        async with aio.open_host(node.url, uuid="desk", devices=devices) as host:
            session = await host.create("one_time", sealed=True)
            async with aio.open_guest(session.link, name="Phone", grants=grants) as guest:
                prompt = await session.prompt()
                wish = aio.Remember(name="My phone", policy="auto")
                await prompt.approve(await guest.wait_code(), remember=wish)
                await guest.approved()
            async with aio.open_visit(guest.grant, name="Phone", grants=grants) as guest:
                visit = await anext(host.visits())
                await guest.approved()
                assert visit.device == host.devices()[0]
                await guest.send("here again")
                assert await visit.receive() == "here again"
                await host.rename(visit.device.id, "Old phone")
                assert host.devices()[0].name == "Old phone"
                await host.forget_all()
                assert (await guest.ended()).reason == "forgotten"
            assert host.devices() == []

    run(main)


def test_session_of_a_node_that_was_killed_has_another_link(tidy):
    async def main(node):
        async with aio.open_host(node.url, uuid="desk") as host:
            session = await host.create("persistent")
            links = session.links()
            first, before = session.session_id, await anext(links)
            async with aio.open_guest(session.link, name="Phone") as phone:
                await (await session.prompt()).approve()
                await phone.approved()
                presence = session.presence()
                gone = asyncio.create_task(anext(presence))
                await asyncio.to_thread(node.restart)
                assert await gone is False
                assert await anext(links) == session.link != before
                assert (await phone.ended()).reason == "lost"
            assert host.sessions == {session.session_id: session}
            assert (session.session_id != first, session.status) == (True, "pending")
            async with aio.open_guest(session.link, name="Tablet") as tablet:
                await (await session.prompt()).approve()
                await tablet.approved()
                await session.send("hello")
                assert await tablet.receive() == "hello"
            await session.close()
            assert [link async for link in links] == []

    with node_process() as node:
        run(main, node)

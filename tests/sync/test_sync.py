"""The SDK for plain scripts, with a real node in the same process."""

import _thread
import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import trio

import proxim
from proxim import sync
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


def interrupt():
    """Do what Ctrl-C does; on Windows `os.kill` would end this process."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def paired(node, kind="persistent"):
    """Both sides of an approved session."""
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create(kind)
        with sync.open_guest(session.link, name="Phone") as guest:
            session.prompt(timeout=PATIENCE).approve()
            guest.approved(timeout=PATIENCE)
            yield session, guest


def test_host_and_guest_exchange_signals(node):
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("one_time")
        assert host.sessions == {session.session_id: session}
        assert [info.session_id for info in host.list()] == [session.session_id]
        with sync.open_guest(session.link, name="Phone") as guest:
            prompt = session.prompt(timeout=PATIENCE)
            assert (prompt.session_id, prompt.device_info.name) == (session.session_id, "Phone")
            assert prompt.approve().status == "approved"
            guest.approved(timeout=PATIENCE)
            session.send({"hello": "guest"})
            assert guest.receive(timeout=PATIENCE) == {"hello": "guest"}
            for number in range(3):
                guest.send(number)
            signals = session.signals()
            assert [next(signals) for _ in range(3)] == [0, 1, 2]
            guest.close()
            assert session.ended(timeout=PATIENCE).reason == "closed"
            assert list(signals) == []


def test_guest_comes_back_with_its_resume_token(node):
    tokens = []
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("persistent")
        with sync.open_guest(session.link, name="Phone", store_token=tokens.append) as guest:
            session.prompt(timeout=PATIENCE).approve()
            guest.approved(timeout=PATIENCE)
        with sync.resume_guest(node.url, session.session_id, tokens[-1]) as guest:
            guest.approved(timeout=PATIENCE)
            session.send("welcome back")
            assert guest.receive(timeout=PATIENCE) == "welcome back"


def test_host_comes_back_with_its_key(node):
    with sync.open_host(node.url, uuid="desk") as host:
        key, session = host.key, host.create("persistent")
    with sync.open_host(node.url, uuid="desk", key=key) as host:
        assert list(host.sessions) == [session.session_id]
        host.close(session.session_id)


def test_exceptions_are_those_of_the_sdk(node):
    with pytest.raises(proxim.InvalidLink), sync.open_guest("not a link", name="Phone"):
        pass
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("one_time")
        with pytest.raises(proxim.NotApproved):
            session.send("too early")
        with pytest.raises(TimeoutError, match=r"no result within 0\.01 s"):
            session.prompt(timeout=0.01)
        session.close()
        with pytest.raises(proxim.SessionOver, match="closed"):
            session.prompt()
    with pytest.raises(proxim.ConnectionLost, match="its block has ended"):
        host.list()


@pytest.mark.parametrize("closes", [True, False])
def test_guest_that_waits_can_cancel_its_request(node, closes):
    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("persistent")
        with sync.open_guest(session.link, name="Phone") as guest:
            session.prompt(timeout=PATIENCE)
            if closes:
                guest.close()
        assert session.ended(timeout=PATIENCE).reason == "disconnected"


def test_timeout_loses_no_signal(node):
    with paired(node) as (session, guest):
        for number in range(50):
            sender = threading.Timer(0.001 * (number % 5), session.send, [number])
            sender.start()
            heard = None
            while heard is None:
                try:
                    heard = guest.receive(timeout=0.002)
                except TimeoutError:
                    heard = None
            assert heard == number
            sender.join()


def test_threads_share_a_session(node):
    with paired(node) as (session, guest), ThreadPoolExecutor(4) as pool:
        list(pool.map(session.send, range(100)))
        heard = list(pool.map(lambda _: guest.receive(timeout=PATIENCE), range(100)))
        assert sorted(heard) == list(range(100))


def test_several_hosts_in_one_process(node):
    with (
        sync.open_host(node.url, uuid="one") as one,
        sync.open_host(node.url, uuid="two") as two,
    ):
        session = two.create("one_time")
        assert (one.sessions, two.sessions) == ({}, {session.session_id: session})
    assert "proxim" not in {thread.name for thread in threading.enumerate()}


# -- Ctrl-C and the exit ---------------------------------------------------------------------


def test_interrupt_ends_a_call_and_the_block(node):
    # Tests started in the background of a shell ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.2, interrupt)

    def receive():
        with paired(node) as (_, guest):
            timer.start()
            guest.receive()

    try:
        with pytest.raises(KeyboardInterrupt):
            receive()
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)


def test_interrupt_ends_a_start_that_nobody_answers():
    program = """
import _thread, os, signal, socket, sys, threading
from proxim import sync

def interrupt():
    # As Ctrl-C does on either system; `os.kill` would end a process on Windows.
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
with socket.create_server(("127.0.0.1", 0)) as silent:
    threading.Timer(0.2, interrupt).start()
    try:
        with sync.open_host(f"http://127.0.0.1:{silent.getsockname()[1]}", uuid="desk"):
            pass
    except KeyboardInterrupt:
        print([thread.name for thread in threading.enumerate() if thread.name == "proxim"])
"""
    assert printed_by(program) == "[]\n"


def test_program_that_never_leaves_the_block_exits(node):
    program = """
import sys
from contextlib import ExitStack
from proxim import sync

stack = ExitStack()
host = stack.enter_context(sync.open_host(sys.argv[1], uuid="desk"))
session = host.create("one_time")
print("done")
"""
    assert printed_by(program, node.url) == "done\n"
    (info,) = node.sessions()
    deadline = time.monotonic() + PATIENCE
    while info.host_online and time.monotonic() < deadline:
        time.sleep(0.01)
        (info,) = node.sessions()
    assert not info.host_online


def printed_by(program, *arguments):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# -- the wrong thread ------------------------------------------------------------------------


def test_blocking_calls_in_an_event_loop_say_what_to_use(node):
    async def main(instead):
        with (
            pytest.raises(RuntimeError, match=rf"use {instead}"),
            sync.open_host(node.url, uuid="other"),
        ):
            pass
        for call in (host.list, session.receive):
            with pytest.raises(RuntimeError, match="this blocks"):
                call()

    with sync.open_host(node.url, uuid="desk") as host:
        session = host.create("one_time")
        asyncio.run(main(r"proxim\.aio\.open_host"))
        trio.run(main, r"proxim\.open_host")


@pytest.mark.parametrize(
    ("manager", "instead"),
    [
        (lambda: proxim.open_host("http://node.example", uuid="desk"), "proxim.sync.open_host"),
        (lambda: proxim.open_guest("a link", name="Phone"), "proxim.sync.open_guest"),
        (lambda: proxim.aio.open_guest("a link", name="Phone"), "proxim.sync.open_guest"),
        (lambda: proxim.Node(port=0), "proxim.run_in_thread"),
    ],
)
def test_plain_with_says_what_to_use(manager, instead):
    with pytest.raises(RuntimeError, match=f"this needs `async with`.* use {instead}$"), manager():
        pass


def test_blocking_calls_may_be_made_by_to_thread(node):
    async def main():
        with paired_in_thread() as (session, guest):
            await asyncio.to_thread(session.send, 1)
            assert await asyncio.to_thread(guest.receive, PATIENCE) == 1

    @contextmanager
    def paired_in_thread():
        yield sides

    with paired(node) as sides:
        asyncio.run(main())


def test_known_device_comes_again(node, tmp_path):
    devices, grants = proxim.DeviceFile(tmp_path / "devices"), proxim.GrantFile(tmp_path / "grants")
    with sync.open_host(node.url, uuid="desk", devices=devices) as host:
        session = host.create("one_time", sealed=True)
        with sync.open_guest(session.link, name="Phone", grants=grants) as guest:
            prompt = session.prompt(timeout=PATIENCE)
            assert (prompt.can_remember, prompt.is_silent) == (True, False)
            prompt.approve(guest.wait_code(), remember=sync.Remember(name="My phone"))
            guest.approved(timeout=PATIENCE)
            assert [guest.grant] == grants.load()
        with sync.open_visit(guest.grant, name="Phone", grants=grants) as guest:
            visit = host.visit(timeout=PATIENCE)
            visit.prompt(timeout=PATIENCE).approve()
            guest.approved(timeout=PATIENCE)
            assert visit.device == host.devices()[0]
            guest.send("here again")
            assert visit.receive(timeout=PATIENCE) == "here again"
            host.rename(visit.device.id, "Old phone")
            host.forget(visit.device.id)
            assert guest.ended(timeout=PATIENCE).reason == "forgotten"
        assert host.devices() == []
        host.forget_all()


@pytest.mark.parametrize("kind", ["persistent", "temporary"])
def test_session_of_a_node_that_was_killed_has_another_link(tidy, kind):
    ttl = {"ttl": 600.0} if kind == "temporary" else {}
    with node_process() as node, sync.open_host(node.url, uuid="desk") as host:
        session = host.create(kind, **ttl)
        links = session.links()
        assert next(links) == session.link
        first, before, end = session.session_id, session.link, session.info.expires_at
        with sync.open_guest(session.link, name="Phone") as phone:
            prompt = session.prompt(timeout=PATIENCE)
            prompt.approve()
            phone.approved(timeout=PATIENCE)
            presence = session.presence()
            node.restart()
            assert next(presence) is False
            assert next(links) == session.link != before
            assert phone.ended(timeout=PATIENCE).reason == "lost"
        assert host.sessions == {session.session_id: session}
        assert (session.session_id != first, session.status) == (True, "pending")
        assert ttl == {} or abs((session.info.expires_at - end).total_seconds()) < 1
        assert (prompt.is_over, prompt.session_id) == (True, first)
        with pytest.raises(proxim.AlreadyDecided):
            prompt.approve()
        with sync.open_guest(session.link, name="Tablet") as tablet:
            session.prompt(timeout=PATIENCE).approve()
            tablet.approved(timeout=PATIENCE)
            session.send("hello")
            assert tablet.receive(timeout=PATIENCE) == "hello"
        session.close()
        assert list(links) == []

"""A cancelled or interrupted start leaves no thread or descriptor."""

import os
import signal
import sys
import threading

import pytest
import trio

import proxim
from tests.threads.helpers import PATIENCE, Guest, nothing_left

if not sys.platform.startswith("linux"):
    pytest.skip("descriptors are counted in /proc", allow_module_level=True)


@pytest.fixture(autouse=True)
def tidy():
    # Tests started in the background of a shell ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with nothing_left():
        yield
    signal.signal(signal.SIGINT, before)


async def start_and_cancel(steps):
    async with trio.open_nursery() as nursery:

        async def cancel():
            for _ in range(steps):
                await trio.lowlevel.cancel_shielded_checkpoint()
            nursery.cancel_scope.cancel()

        nursery.start_soon(cancel)
        async with proxim.Node(port=0, metrics_listen="127.0.0.1:0"):
            await trio.sleep_forever()


@pytest.mark.parametrize("steps", range(20))
def test_start_can_be_cancelled_at_any_step(steps):
    # Not in the test's own Trio, which could not end a shielded task.
    program = threading.Thread(target=trio.run, args=[start_and_cancel, steps], daemon=True)
    program.start()
    program.join(PATIENCE)
    assert not program.is_alive()


def test_host_name_lookup_leaves_no_thread():
    with proxim.run_in_thread(port=0, host="localhost", metrics_listen="localhost:0") as node:
        assert node.url.startswith("http://")


def test_interrupted_call_is_cancelled():
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    with proxim.run_in_thread(port=0) as node:
        session = node.open_session("persistent", decide=lambda _: True)
        timer = threading.Timer(0.2, interrupt)
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            session.receive()
        timer.join()
        # The interrupted call would have taken the first signal.
        guest = Guest(session.link, "first")
        assert session.receive(timeout=PATIENCE) == "first"
        session.close()
        assert guest.reason() == "closed"


def test_interrupted_start_leaves_no_node(monkeypatch):
    listen = trio.open_tcp_listeners

    async def interrupt_and_listen(*args, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return await listen(*args, **options)

    monkeypatch.setattr(trio, "open_tcp_listeners", interrupt_and_listen)
    with pytest.raises(KeyboardInterrupt):
        proxim.run_in_thread(port=0)
    assert "proxim-node" not in {thread.name for thread in threading.enumerate()}


def test_interrupt_right_after_the_start_stops_the_node(monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("proxim.portal.thread.atexit.register", interrupt)
    with pytest.raises(KeyboardInterrupt):
        proxim.run_in_thread(port=0)
    assert "proxim-node" not in {thread.name for thread in threading.enumerate()}

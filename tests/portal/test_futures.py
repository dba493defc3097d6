import gc
import threading
import weakref
from concurrent.futures import Future

import pytest
import trio

from proxim.portal.futures import in_own_thread, result_of, settle


async def test_thread_returns_its_result_or_raises():
    assert await in_own_thread(divmod, 7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(divmod, 7, 0)


async def test_done_future_returns_at_once():
    future = Future()
    future.set_result(1)
    with trio.fail_after(1):
        assert await result_of(future) == 1


async def test_cancelled_wait_cancels_the_future():
    future = Future()
    with trio.move_on_after(0.01):
        await result_of(future)
    assert future.cancelled()
    settle(future, lambda: 1 / 0)


def test_thread_can_end_after_trio():
    may_end = threading.Event()

    async def main():
        with trio.move_on_after(0.05):
            await in_own_thread(may_end.wait, 10)

    trio.run(main)
    workers = [each for each in threading.enumerate() if each.name == "proxim-worker"]
    may_end.set()
    for each in workers:
        each.join(10)
        assert not each.is_alive()


def test_failed_future_is_freed_without_the_garbage_collector():
    window = type("Window", (), {})()
    gone, future = weakref.ref(window), Future()

    def fail(window):
        raise LookupError

    gc.disable()
    try:
        settle(future, fail, window)
        del window, future
        assert gone() is None
    finally:
        gc.enable()

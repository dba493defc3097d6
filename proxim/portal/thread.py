"""A thread in which Trio holds an async context manager open."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from typing import Generic, TypeVar

import trio

from proxim.portal.futures import Resolver
from proxim.portal.portal import Portal, wait

T = TypeVar("T")


class TrioThread(Generic[T]):
    """Enters an async context manager in a thread of its own, and leaves it at the end.

    ``started`` is the future of the portal and of what the manager returned; cancelled, it cancels
    the start. ``finished`` is the future of the thread's end, and raises what the manager raised
    after its start. The thread ends at the latest when the program exits.
    """

    def __init__(
        self,
        name: str,
        open_manager: Callable[[], AbstractAsyncContextManager[T]],
        make_portal: Callable[[], Portal] = Portal,
    ) -> None:
        self.started: Future[tuple[Portal, T]] = Future()
        self.finished: Future[None] = Future()
        self._open_manager = open_manager
        self._make_portal = make_portal
        self._stop = trio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> tuple[Portal, T]:
        try:
            self.start()
            return wait(self.started)
        except BaseException:
            self.close()
            raise

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the thread. Does not wait for ``started``."""
        try:
            self._thread.start()
        except RuntimeError:
            self.finished.set_result(None)  # The system gives no more threads.
            raise
        atexit.register(self.close)

    def stop(self) -> None:
        """Cancel the start, or leave the manager. Does not wait for ``finished``."""
        if not self.started.cancel() and self.started.exception() is None:
            portal, _ = self.started.result()
            portal.soon(self._stop.set)

    def close(self) -> None:
        """Stop, and wait until the thread has ended. Raises what the manager raised meanwhile."""
        self.stop()
        try:
            wait(self.finished)
        finally:
            self.join()

    def join(self) -> None:
        """Wait for the thread, which has ``finished``."""
        with suppress(RuntimeError):
            self._thread.join()  # Raises it if there never was a thread.
        atexit.unregister(self.close)

    # -- in the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        crash: BaseException | None = None
        try:
            trio.run(self._main)
        except BaseException as error:
            crash = error
        if not self.started.done() and self.started.set_running_or_notify_cancel():
            assert crash is not None
            self.started.set_exception(crash)
            crash = None
        if crash is None:
            self.finished.set_result(None)
        else:
            self.finished.set_exception(crash)

    async def _main(self) -> None:
        # Trio's own resolver leaves a thread that outlives this one by ten seconds.
        trio.socket.set_custom_hostname_resolver(Resolver())
        portal = self._make_portal()
        with trio.CancelScope() as scope:

            def cancel(started: Future[tuple[Portal, T]]) -> None:
                if started.cancelled():
                    portal.soon(scope.cancel)

            self.started.add_done_callback(cancel)
            async with self._open_manager() as inner:
                if self.started.set_running_or_notify_cancel():
                    self.started.set_result((portal, inner))
                    await self._stop.wait()

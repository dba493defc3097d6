"""Guests for programs that do not run Trio, and what a process has in use."""

import os
import threading
import time
from contextlib import contextmanager

import trio

from proxim.client import open_guest

PATIENCE = 60
"""Seconds after which something that was to come does not come any more."""


class Guest(threading.Thread):
    """A device that asks to pair, in a thread of its own, says what it is told to, and listens."""

    def __init__(self, link, *says, name="Phone"):
        super().__init__()
        self.heard = []
        self.over = None
        self._link, self._says, self._name_shown = link, says, name
        self.start()

    def run(self):
        trio.run(self._live)

    async def _live(self):
        with trio.fail_after(60):
            async with open_guest(self._link, name=self._name_shown) as guest:
                for each in self._says:
                    await guest.approved()
                    await guest.send(each)
                async for data in guest.signals():
                    self.heard.append(data)
                self.over = await guest.ended()

    def reason(self):
        """Why the session ended, as the guest was told."""
        self.join(PATIENCE)
        return self.over.reason


LEAVING = 8
"""Seconds that what was stopped has to be gone; the threads of a pool would stay for longer."""


@contextmanager
def nothing_left():
    """Whatever is started inside is gone in the end; what was there before may go meanwhile."""
    threads, descriptors = set(threading.enumerate()), open_descriptors()

    def is_left():
        return set(threading.enumerate()) - threads or open_descriptors() > descriptors

    yield
    deadline = time.monotonic() + LEAVING
    while is_left() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_left()


def open_descriptors():
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))

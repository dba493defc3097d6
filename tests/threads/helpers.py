"""Guests for programs without Trio, and a check for leaked threads and descriptors."""

import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import trio

from proxim.client import open_guest
from tests.ports import reserved_port

PATIENCE = 60
"""Timeout in seconds."""


class Guest(threading.Thread):
    """A guest in its own thread: requests pairing, sends values, and receives."""

    def __init__(self, link, *says, name="Phone"):
        super().__init__()
        self.codes = queue.Queue()
        self.heard = []
        self.over = None
        self._link, self._says, self._name_shown = link, says, name
        self.start()

    def run(self):
        trio.run(self._live)

    async def _live(self):
        with trio.fail_after(60):
            async with open_guest(self._link, name=self._name_shown) as guest:
                self.codes.put(guest.code)
                for each in self._says:
                    await guest.approved()
                    await guest.send(each)
                async for data in guest.signals():
                    self.heard.append(data)
                self.over = await guest.ended()

    def reason(self):
        """Return the reason of the end that the guest got."""
        self.join(PATIENCE)
        return self.over.reason


class NodeProcess:
    """A node that keeps nothing on disk, in a process of its own, which can be killed."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"
        self._command = [sys.executable, "-m", "proxim", "serve", "--port", str(port)]
        self._start()

    def _start(self):
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline()

    def kill(self):
        """End the process at once, as SIGKILL does."""
        self._process.kill()
        self._process.communicate()

    def restart(self):
        """Kill the node, and start another one at its port."""
        self.kill()
        self._start()


@contextmanager
def node_process():
    """Run a node in a process of its own."""
    with reserved_port() as port:
        node = NodeProcess(port)
        try:
            yield node
        finally:
            node.kill()


LEAVING = 8
"""Seconds for threads to end; the threads of a pool would stay longer."""


@contextmanager
def nothing_left(*, but_idle_workers=False):
    """Assert that no thread or descriptor of the block is left after some seconds.

    With ``but_idle_workers``, leave out the threads in which Trio has read and written files: each
    waits for another task for ten seconds.
    """
    threads, descriptors = set(threading.enumerate()), open_descriptors()

    def is_left():
        left = set(threading.enumerate()) - threads
        if but_idle_workers:
            left = {thread for thread in left if not thread.name.startswith("Trio thread ")}
        return left or open_descriptors() > descriptors

    yield
    deadline = time.monotonic() + LEAVING
    while is_left() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_left()


def open_descriptors():
    """Return the number of descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))

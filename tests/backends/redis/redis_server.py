"""A Redis server without persistence, which can be frozen, killed and restarted."""

import signal
import socket
import subprocess
import time
from contextlib import ExitStack

from tests.e2e.client import PATIENCE
from tests.ports import reserved_port


class RedisServer:
    """The port, given by ``port_option``, stays reserved until the server is stopped."""

    def __init__(self, folder, *options, port_option="--port"):
        self.folder = folder
        self._reservation = ExitStack()
        self.port = self._reservation.enter_context(reserved_port())
        self.options = (*options, port_option, str(self.port))
        self.process = None
        self.start()

    @property
    def url(self):
        return self.url_of(0)

    def url_of(self, database):
        return f"redis://127.0.0.1:{self.port}/{database}"

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", str(self.folder), *self.options],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), PATIENCE).close()
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise AssertionError("no redis-server in time")

    def ask(self, *words, database=0):
        """Return what Redis answers to a command of ``redis-cli``."""
        command = ["redis-cli", "-u", self.url_of(database), "--raw", *words]
        return subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout

    def age(self, database=0):
        """Make the data set a minute old, so that a node that joins does not wait for others.

        How long it waits otherwise is shown where Redis restarts, and in ``test_backend.py``.
        """
        born = int((time.time() - 60) * 1000)
        self.ask("SET", "proxim:dataset", f"{born}-aged", database=database)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def stop(self):
        """Kill the server, and release its port."""
        self.kill()
        self._reservation.close()

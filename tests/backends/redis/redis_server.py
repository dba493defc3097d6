"""A real Redis, with persistence off. It can be frozen, killed, started again."""

import signal
import socket
import subprocess
import time
from contextlib import ExitStack

from tests.e2e.client import PATIENCE
from tests.ports import reserved_port


class RedisServer:
    """``port_option`` says what is served at ``port``, which stays its own until it is stopped."""

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
        """What Redis answers to a command, by a client that is not ours."""
        command = ["redis-cli", "-u", self.url_of(database), "--raw", *words]
        return subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout

    def age(self, database=0):
        """Have it remember for a minute, so that a node that joins waits for nobody else's memory.

        How long it waits otherwise is shown where Redis restarts, and by ``test_member``.
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
        """For good: its port is anybody's."""
        self.kill()
        self._reservation.close()

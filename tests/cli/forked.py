"""Programs that are forked from one which has imported what they need: they start at once."""

import io
import os
import select
import subprocess
import sys
import time

from tests import fork_server, systems

PRELOADED = (
    "proxim.cli.host",
    "proxim.cli.join",
    "proxim.cli.send",
    "proxim.cli.receive",
    "proxim.cli.sessions",
    "proxim.cli.status",
    "proxim.cli.qr",
    "proxim.cli.nodes",
    "proxim.cli.doctor",
    "proxim.cli.completion",
    "proxim.client.sealed_guest",
    "proxim.client.sealed_host",
    "proxim.client.peering",
    "proxim.lan",
    "rich.progress",
    "proxim.client.sealed",
    "proxim.rtc.connector",
    "proxim.rtc.connection",
    "proxim.cli.serve",
    "proxim.node",
    "anyio._backends._trio",
)
_READ_AT_START = ("PYTHON", "LANG", "LC_", systems.VARIABLE)
"""How the variables begin that only an interpreter reads, as it starts."""


def can_fork(environ):
    """Whether a program with these variables can be forked."""
    # As on another system, too: the program that is forked has `proxim` imported as it is there.
    return sys.platform == "linux" and not any(
        name.startswith(_READ_AT_START)
        and name != "PYTHONIOENCODING"
        and value != os.environ.get(name)
        for name, value in environ.items()
    )


class Forked(fork_server.Process):
    """As ``subprocess.Popen`` with three pipes, or with a ``terminal`` whose session it leads."""

    def __init__(self, arguments, environ, terminal=None):
        self.args = ["proxim", *arguments]
        self.stdin = self.stderr = None
        self._heard = {}
        if terminal is not None:
            files = [terminal] * 3
            super().__init__(fork_server.fork(files, arguments, environ, PRELOADED, leads=True))
            return
        (stdin, write), (read_out, stdout), (read_err, stderr) = (os.pipe() for _ in range(3))
        files = [stdin, stdout, stderr]
        told = fork_server.fork(files, arguments, environ, PRELOADED)
        for file in files:
            os.close(file)
        super().__init__(told, io.FileIO(read_out))
        self.stdin, self.stderr = io.FileIO(write, "w"), io.FileIO(read_err)

    def communicate(self, timeout=None):
        """Return the rest of its output and its errors, once it has ended."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if self.stdin is not None:
            self.stdin.close()
        streams = (self.stdout, self.stderr)
        unread = [each for each in streams if each is not None and not each.closed]
        while unread:
            left = None if deadline is None else max(0, deadline - time.monotonic())
            ready, _, _ = select.select(unread, [], [], left)
            if not ready:
                raise subprocess.TimeoutExpired(self.args, timeout)
            for each in ready:
                chunk = each.read(65536)
                self._heard[each] = self._heard.get(each, b"") + chunk
                if not chunk:
                    each.close()
                    unread.remove(each)
        self.wait(None if deadline is None else max(0, deadline - time.monotonic()))
        return tuple(self._heard.get(each, b"") for each in streams)

"""Processes of ``proxim`` that start at once, since they are forked from one that has it imported.

Importing takes nine tenths of a node's start, and the tests of clusters start a hundred of them.
A forked process is as real as another: it has its own memory, sockets and signals, and can be
stopped, frozen and killed. How a process starts from nothing is shown by ``tests/cli``.
"""

import atexit
import functools
import gc
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path

PRELOADED = (
    "proxim.cli.serve",
    "proxim.cli.cluster",
    "proxim.node",
    "proxim.net.access",
    "proxim.backends.redis.coordinator",
    "proxim.backends.redis.backend",
    "proxim.backends.redis.seal",
    "proxim.backends.sqlite.backend",
    "proxim.backends.sqlite.seal",
    "anyio._backends._trio",
    "cryptography.hazmat.primitives.ciphers.aead",
)
_MOST = 1 << 16


class Process:
    """As ``subprocess.Popen``, for what the tests need of it."""

    def __init__(self, told, stdout=None):
        self.stdout = stdout
        self.returncode = None
        self._told = told
        self.pid = int(told.readline())

    def poll(self):
        if self.returncode is None and select.select([self._told], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout=None):
        if self.returncode is None:
            if not select.select([self._told], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("proxim", timeout)
            self.returncode = int(self._told.readline())
            self._told.close()
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            # It may have ended already, and its exit code be on the way.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        self.send_signal(signal.SIGTERM)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class _Server:
    def __init__(self):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno())],
                cwd=Path(__file__).parent.parent,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._stop)

    def start(self, arguments, environment, stdout, stderr):
        told, tell = os.pipe()
        request = json.dumps([arguments, environment, os.getcwd()]).encode()
        assert len(request) < _MOST
        socket.send_fds(self._requests, [request], [tell, stdout, stderr])
        os.close(tell)
        # Unbuffered, so that `select` knows of all that there is.
        return io.FileIO(told)

    def _stop(self):
        self._requests.close()
        self._process.wait()


_lock = threading.Lock()
_one = functools.cache(_Server)


def _server():
    with _lock:
        return _one()


def start(*arguments, stdout=None, stderr=subprocess.DEVNULL, env=None):
    """Start ``proxim`` with these arguments. Its output is read from ``Process.stdout``.

    ``stdout`` and ``stderr`` are files, or as of ``subprocess``; without ``stdout`` it is a pipe.
    """
    environment = dict(os.environ if env is None else env)
    with open(os.devnull, "wb") as nowhere:
        if stderr == subprocess.DEVNULL:
            stderr = nowhere
        if stdout is not None:
            return Process(
                _server().start(arguments, environment, stdout.fileno(), stderr.fileno())
            )
        reads, writes = os.pipe()
        told = _server().start(arguments, environment, writes, stderr.fileno())
        os.close(writes)
        return Process(told, open(reads))


def run(*arguments, env=None, timeout=60):
    """As ``subprocess.run`` of ``proxim``, its output captured as text."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = start(*arguments, stdout=out, stderr=err, env=env)
        try:
            process.wait(timeout)
        finally:
            process.kill()
            process.wait()
        for each in (out, err):
            each.seek(0)
        return subprocess.CompletedProcess(
            ["proxim", *arguments], process.returncode, out.read(), err.read()
        )


# -- the process that forks ------------------------------------------------------------------


def _serve(requests):
    for name in PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(requests, _MOST, 3)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _watch_over(json.loads(request), *files)
            return
        for file in files:
            os.close(file)


def _watch_over(request, tell, stdout, stderr):
    """Say the number of the process and, when it has ended, with which code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        _become(*request, stdout, stderr)
    os.close(stdout)
    os.close(stderr)
    os.write(tell, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments, environment, folder, stdout, stderr):
    from proxim.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in ((1, stdout), (2, stderr)):
        os.dup2(file, number)
        os.close(file)
    # As the interpreter makes them, by what they are now.
    sys.stdout = open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = [str(Path(sys.executable).with_name("proxim")), *arguments]
    main(prog_name="proxim")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))

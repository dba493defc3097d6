"""Processes of ``proxim`` that start at once, since they are forked from one that has it imported.

Importing takes nine tenths of a start, and the tests of clusters and of the command line start
hundreds of programs. A forked process is as real as another: it has its own memory, sockets and
signals, and can be stopped, frozen and killed. How a process starts from nothing is shown by those
tests of ``tests/cli`` that start it ``anew``.
"""

import atexit
import fcntl
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
import termios
import threading
import time
from contextlib import suppress
from importlib import import_module, reload
from pathlib import Path

NODES = (
    "proxim.cli.serve",
    "proxim.cli.cluster",
    "proxim.node",
    "proxim.net.access",
    "proxim.backends.redis.coordinator",
    "proxim.backends.redis.backend",
    "proxim.backends.redis.cipher",
    "proxim.backends.sqlite.backend",
    "proxim.backends.sqlite.cipher",
    "anyio._backends._trio",
    "cryptography.hazmat.primitives.ciphers.aead",
)
"""What the processes of nodes have imported."""
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
    def __init__(self, preloaded):
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fork_server", str(theirs.fileno()), *preloaded],
                cwd=Path(__file__).parent.parent,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self._stop)

    def start(self, arguments, environment, files, *, leads=False):
        told, tell = os.pipe()
        request = json.dumps([arguments, environment, os.getcwd(), leads]).encode()
        assert len(request) < _MOST
        socket.send_fds(self._requests, [request], [tell, *files])
        os.close(tell)
        # Unbuffered, so that `select` knows of all that there is.
        return io.FileIO(told)

    def _stop(self):
        self._requests.close()
        self._process.wait()


_lock = threading.Lock()
_one = functools.cache(_Server)


def _server(preloaded):
    with _lock:
        return _one(preloaded)


def fork(files, arguments, environment, preloaded, *, leads=False):
    """Start ``proxim``, whose standard streams are three ``files``; return what ``Process`` takes.

    If it ``leads``, it has a session of its own, whose terminal is its standard input. Whoever
    tells it to start from the same ``preloaded`` modules has it forked from the same process.
    """
    return _server(preloaded).start(arguments, environment, files, leads=leads)


def start(*arguments, stdout=None, stderr=subprocess.DEVNULL, env=None):
    """Start ``proxim`` with these arguments. Its output is read from ``Process.stdout``.

    ``stdout`` and ``stderr`` are files, or as of ``subprocess``; without ``stdout`` it is a pipe.
    """
    environment = dict(os.environ if env is None else env)
    with open(os.devnull, "r+b") as nowhere:
        if stderr == subprocess.DEVNULL:
            stderr = nowhere
        if stdout is not None:
            files = (nowhere.fileno(), stdout.fileno(), stderr.fileno())
            return Process(fork(files, arguments, environment, NODES))
        reads, writes = os.pipe()
        files = (nowhere.fileno(), writes, stderr.fileno())
        told = fork(files, arguments, environment, NODES)
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


def _serve(requests, preloaded):
    for name in preloaded:
        # What is not installed is imported, or is not, by the program itself.
        with suppress(ImportError):
            import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, files, _, _ = socket.recv_fds(requests, _MOST, 4)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _watch_over(json.loads(request), *files)
            return
        for file in files:
            os.close(file)


def _watch_over(request, tell, *files):
    """Say the number of the process and, when it has ended, with which code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(tell)
        _become(*request, files)
    for file in files:
        os.close(file)
    os.write(tell, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(tell, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(arguments, environment, folder, leads, files):
    from proxim.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    if leads:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # As the interpreter makes them, by what they are now.
    encoding, _, errors = environment.get("PYTHONIOENCODING", "").partition(":")
    codec = {"encoding": encoding or None}
    sys.stdin = open(0, errors=errors or None, **codec)  # noqa: SIM115
    sys.stdout = open(1, "w", errors=errors or None, **codec)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", **codec)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    if "console" in sys.modules:
        # What stands in for `msvcrt` (tests/systems) looks at the terminal as it is imported.
        reload(sys.modules["console"])
    sys.argv = [str(Path(sys.executable).with_name("proxim")), *arguments]
    main()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:])

"""Nodes under attack, in a process or a thread; what a client does there; a bystander."""

import logging
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import trio

from proxim.cli.serve import command
from proxim.node import Node
from proxim.settings import load
from tests import fork_server
from tests.attacks.raw import PATIENCE, Gone, Raw, head

MiB = 1 << 20
KEY = "k" * 43
PHONE = {"name": "Phone", "id": "phone-1"}
SERVE = ["serve", "--log-level", "debug"]


def until(condition, patience=PATIENCE, every=0.05):
    """Whether it comes true in time."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


class Clients:
    """What a client does at a node. ``address`` is where the node listens."""

    def raw(self, **options):
        return Raw(self.address, **options)

    def peer(self, **options):
        """A WebSocket that has heard its welcome."""
        peer = self.raw(**options).upgrade()
        assert peer.hear()["type"] == "welcome"
        return peer

    def host(self, uuid="desk", key=KEY, **options):
        host = self.peer(**options)
        registered = host.ask("register", uuid=uuid, key=key)
        assert registered["type"] == "registered", registered
        return host

    def invite(self, host, session_type="persistent", **fields):
        """A session's id and the token of its link."""
        created = host.ask("create_session", session_type=session_type, **fields)
        assert created["type"] == "session_created", created
        return created["session"]["session_id"], created["token"]

    def request(self, session_id, token, device_info=PHONE, **fields):
        asked = {"session_id": session_id, "token": token, "device_info": device_info}
        return {**asked, **fields}

    def pair(self, host, session_type="persistent", **options):
        """A guest that ``host`` has approved: its connection, the session, the resume token."""
        session_id, token = self.invite(host, session_type)
        guest = self.peer(**options)
        pending = guest.ask("pair_request", **self.request(session_id, token))
        assert pending["type"] == "pair_pending", pending
        host.hear("pair_prompt")
        host.say("pair_decision", session_id=session_id, approve=True)
        for side in (host, guest):
            assert side.hear("pair_result")["status"] == "approved"
        return guest, session_id, pending["resume_token"]

    def metrics(self):
        with Raw(self.address) as client:
            client.send(head(path="/metrics", headers={"Host": "127.0.0.1"}))
            assert client.answer()[0] == 200
            return client.rest().decode()

    def count(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.metrics(), re.MULTILINE)[1])


class Target(Clients):
    """A node in a process of its own: forked, or started, with other surroundings."""

    def __init__(self, *options, program=None, env=None, descriptors=None):
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        arguments = ["--port", "0", *map(str, options)]
        limit = (descriptors, descriptors)
        if program is None and env is None and descriptors is None:
            self.process = fork_server.start(*SERVE, *arguments, stderr=self._log)
        else:
            self.process = subprocess.Popen(
                [*(program or [sys.executable, "-m", "proxim", *SERVE]), *arguments],
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**os.environ, **(env or {})},
                text=True,
                preexec_fn=descriptors
                and (lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)),
            )
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        first = self.process.stdout.readline() if ready else ""
        found = re.search(r"is at https?://[^:\s]+:(\d+)", first)
        if found is None:
            log = self.log()
            self.stop()
            raise AssertionError(f"no node: {first!r}\n{log}")
        self.address = ("127.0.0.1", int(found[1]))

    # -- how it is ---------------------------------------------------------------------------

    def log(self, since=0):
        """Return what was logged, from the byte ``since`` on."""
        return os.pread(self._log.fileno(), 1 << 26, since).decode("utf-8", "replace")

    def log_size(self):
        """Return the number of bytes that were logged."""
        return os.fstat(self._log.fileno()).st_size

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """Bytes that are resident."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    # -- its end -----------------------------------------------------------------------------

    def stop(self):
        """Have it end; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self._log.close()


class Inside(Clients):
    """A node in a thread of this process: of the same options, and started in no time."""

    def __init__(self, *options):
        flags = command.make_context("serve", [*map(str, options)]).params
        config = flags.pop("config")
        # It listens before the node runs, so the port is known whatever the node's URL is.
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.address = self._listening.getsockname()
        self._settings = load(flags, {}, config)
        self._log = Log()
        self._node = None
        self._ready = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(60), "the node does not start"
        if self._node is None:
            self.stop()

    def log(self):
        """Return what was logged."""
        return self._log.text()

    def runs(self):
        """Return whether the node still runs."""
        return self._thread.is_alive()

    def stop(self):
        """End the node. Raises what the node failed with."""
        with suppress(trio.RunFinishedError):
            if self._node is not None:
                self._trio.run_sync_soon(self._node.stop)
        self._thread.join(30)
        self._log.close()
        assert not self.runs(), "the node does not stop"
        if self._failure is not None:
            raise self._failure

    def _run(self):
        try:
            trio.run(self._live)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._ready.set()

    async def _live(self):
        async with Node(self._settings, sockets=[self._listening]) as self._node:
            self._trio = trio.lowlevel.current_trio_token()
            self._ready.set()
            await self._node.wait_stopping()


class Log(logging.Handler):
    """What the package logs, down to debug, until it is closed."""

    def __init__(self):
        super().__init__()
        self._lines = []
        self._logger = logging.getLogger("proxim")
        self._level_before = self._logger.level
        self._logger.setLevel(logging.DEBUG)
        self._logger.addHandler(self)

    def emit(self, record):
        self._lines.append(self.format(record))

    def text(self):
        return "\n".join(self._lines)

    def close(self):
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level_before)
        super().close()


class Stopwatch:
    """Times what a node does. ``seconds`` leaves out the time in which no core was free for it.

    So a busy machine does not make a node look slow, and a node that is slow still looks so.
    """

    def __init__(self, target):
        self._tasks = (str(target.process.pid), "thread-self")

    def __enter__(self):
        self._delayed = self._delay()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_):
        took = time.perf_counter() - self._began
        self.seconds = took - (self._delay() - self._delayed)

    def _delay(self):
        """Return the seconds in which the node or this thread could run and had no core."""
        with suppress(FileNotFoundError):  # Not every kernel counts them.
            files = [Path(f"/proc/{task}/schedstat") for task in self._tasks]
            return sum(int(file.read_text().split()[1]) for file in files) / 1e9
        return 0.0


class Bystander:
    """Somebody who has nothing to do with it: its echo must come, and nothing else may."""

    def __init__(self, target):
        self.target = target
        self.peer = target.host(uuid="bystander", key="b" * 43)
        self.heard = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self):
        """Ask now and then, so that the node's own pings are answered in long cases, too."""
        with suppress(Gone, OSError):
            while not self._done.wait(0.5):
                self.heard.append(self.peer.ask("ping", ref="p"))

    def echo_time(self):
        """Seconds that an echo takes, now; the last thing that is asked."""
        self._done.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the bystander waits in vain"
        with Stopwatch(self.target) as watch:
            assert self.peer.pings(), "the bystander's connection was harmed"
        assert all(said == {"type": "pong", "ref": "p"} for said in self.heard), self.heard
        return watch.seconds

    def leave(self):
        self._done.set()
        self._thread.join(PATIENCE)
        self.peer.socket.close()


def status(node, request):
    with node.raw() as client:
        client.send(request)
        return client.answer()[0]


def refusal(client, kind, **fields):
    """The error that answers; what else comes is passed over."""
    client.say(kind, **fields)
    return client.hear("error")

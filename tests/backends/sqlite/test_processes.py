"""A real node with a store: killed, with a full disk, and next to another node."""

import contextlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import tempfile
import threading
import time
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidMessage
from websockets.sync.client import connect

from tests import fork_server
from tests.cli.helpers import PROXIM

KEY = "k" * 43
PATIENCE = 60
SERVE = ["--port", "0", "--message-rate", "0", "--sessions-per-owner", "0"]
PHONE = {"name": "Phone", "id": "phone-1"}


class Running:
    """A node whose store is in a folder."""

    def __init__(self, folder, key=KEY, before=()):
        known = {name: value for name, value in os.environ.items() if "PROXIM" not in name}
        environ = {**known, "PROXIM_STORE_KEY": key}
        words = ["serve", *SERVE, "--store", f"sqlite://{folder}/sessions.db"]
        self._said = None
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed when it is read
        if before:
            self.process = subprocess.Popen(
                [*before, PROXIM, *words],
                env=environ,
                stdout=subprocess.PIPE,
                stderr=self._log,
                text=True,
            )
        else:
            self.process = fork_server.start(*words, stderr=self._log, env=environ)
        greeting = self.process.stdout.readline()
        self.url = next(iter(re.findall(r"http://\S+", greeting)), None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """End the node, unless it has ended, and return its output."""
        self.process.kill()
        self.process.wait()
        if self._said is None:
            self.process.stdout.close()
            with self._log as log:
                log.seek(0)
                self._said = " ".join(log.read().split())
        return self._said

    def peer(self):
        return connect(self.url.replace("http", "ws") + "/ws", max_size=None, open_timeout=PATIENCE)

    def figure(self, name):
        with urlopen(f"{self.url}/metrics", timeout=PATIENCE) as answer:
            return float(re.search(rf"^{name} (\S+)$", answer.read().decode(), re.MULTILINE)[1])


def ask(ws, kind, **fields):
    ws.send(json.dumps({"type": kind, **fields}))


def hear(ws, kind):
    while (message := json.loads(ws.recv(PATIENCE)))["type"] != kind:
        assert message["type"] != "error", message
    return message


def create(host):
    ask(host, "create_session", session_type="persistent")
    created = hear(host, "session_created")
    return created["session"]["session_id"], created["token"]


def pair(host, guest):
    """Return an approved session, and what the guest needs to resume it."""
    session_id, token = create(host)
    ask(guest, "pair_request", session_id=session_id, token=token, device_info=PHONE)
    resume_token = hear(guest, "pair_pending")["resume_token"]
    hear(host, "pair_prompt")
    ask(host, "pair_decision", session_id=session_id, approve=True)
    for each in (host, guest):
        hear(each, "pair_result")
    return session_id, resume_token


def statuses(node, uuid):
    """Return the sessions of an owner, as the reply to its registration lists them."""
    with node.peer() as host:
        ask(host, "register", uuid=uuid, key=KEY)
        registered = hear(host, "registered")
    return {each["session_id"]: each["status"] for each in registered["sessions"]}


class Busy(threading.Thread):
    """An owner that opens, approves and closes sessions, and records the replies."""

    def __init__(self, node, uuid):
        super().__init__()
        self.uuid = uuid
        self.told, self.asked_to_close = {}, set()
        self._node = node

    def run(self):
        # Until the node is killed.
        with (
            contextlib.suppress(ConnectionClosed, ConnectionError, InvalidMessage),
            self._node.peer() as host,
            self._node.peer() as guest,
        ):
            ask(host, "register", uuid=self.uuid, key=KEY)
            hear(host, "registered")
            while True:
                self._go_on(host, guest)

    def _go_on(self, host, guest):
        session_id, _ = pair(host, guest)
        self.told[session_id] = "approved"
        session_id, _ = create(host)
        self.told[session_id] = "pending"
        if len(self.told) % 3 == 0:
            self.asked_to_close.add(session_id)
            ask(host, "close_session", session_id=session_id)
            hear(host, "session_ended")
            self.told[session_id] = "closed"


def test_acknowledged_changes_survive_a_kill(tmp_path):
    chance = random.Random(7)
    for life in range(4):
        with Running(tmp_path) as node:
            owners = [Busy(node, f"desk-{life}-{n}") for n in range(3)]
            for owner in owners:
                owner.start()
            deadline = time.monotonic() + PATIENCE
            while not all(owner.told for owner in owners):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.4))
            node.process.send_signal(signal.SIGKILL)
            for owner in owners:
                owner.join(PATIENCE)
                assert not owner.is_alive()
        with Running(tmp_path) as node:
            for owner in owners:
                found = statuses(node, owner.uuid)
                for session_id, status in owner.told.items():
                    if status == "closed":
                        assert session_id not in found
                    elif session_id not in owner.asked_to_close:
                        assert found[session_id] == status


def test_both_sides_continue_after_a_restart(tmp_path):
    with Running(tmp_path) as node, node.peer() as host, node.peer() as guest:
        ask(host, "register", uuid="desk", key=KEY)
        hear(host, "registered")
        session_id, resume_token = pair(host, guest)
        node.process.terminate()
        for each in (host, guest):
            with pytest.raises(ConnectionClosedOK):
                each.recv(PATIENCE)
            assert each.close_code == 1001
        assert node.process.wait(PATIENCE) == 0
    with Running(tmp_path) as node, node.peer() as host, node.peer() as guest:
        ask(host, "register", uuid="desk", key=KEY)
        (session,) = hear(host, "registered")["sessions"]
        assert (session["session_id"], session["status"]) == (session_id, "approved")
        ask(guest, "resume", session_id=session_id, resume_token=resume_token)
        hear(guest, "resumed")
        ask(guest, "signal", session_id=session_id, data="on we go")
        assert hear(host, "signal")["data"] == "on we go"


def limit_files(process, size):
    """Limit the size of a process's files, as on a full disk."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_node_continues_in_memory_with_a_full_disk(tmp_path):
    with Running(tmp_path) as node:
        with node.peer() as host, node.peer() as guest:
            ask(host, "register", uuid="desk", key=KEY)
            hear(host, "registered")
            kept, _ = pair(host, guest)
            assert node.figure("proxim_store_failing") == 0
            limit_files(node.process, 1)
            session_id, _ = pair(host, guest)
            ask(guest, "signal", session_id=session_id, data="works")
            assert hear(host, "signal")["data"] == "works"
            assert node.figure("proxim_store_failing") == 1
            limit_files(node.process, resource.RLIM_INFINITY)
            deadline = time.monotonic() + PATIENCE
            while node.figure("proxim_store_failing"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
        said = node.kill()
        assert "the store fails, and sessions live in memory only for now" in said
        assert "the store works again" in said
        with Running(tmp_path) as after:
            assert statuses(after, "desk") == {kept: "approved", session_id: "approved"}


def test_node_starts_in_memory_with_a_read_only_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root may mount a folder read-only")
    folder = tmp_path / "disk"
    folder.mkdir()
    with Running(folder) as node, node.peer() as host:
        ask(host, "register", uuid="desk", key=KEY)
        hear(host, "registered")
        kept, _ = create(host)
    mounts = (
        f'mount --bind {folder} {folder} && mount -o remount,bind,ro {folder} && exec "$0" "$@"'
    )
    read_only = ["unshare", "--mount", "sh", "-c", mounts]
    may = subprocess.run([*read_only, "true"], capture_output=True, text=True, timeout=PATIENCE)
    if may.returncode:
        pytest.skip(f"this machine lets nobody mount anything: {may.stderr.strip()}")
    before = (folder / "sessions.db").read_bytes()
    with Running(folder, before=read_only) as node, node.peer() as host, node.peer() as guest:
        ask(host, "register", uuid="desk", key=KEY)
        assert hear(host, "registered")["sessions"] == []
        pair(host, guest)
        assert node.figure("proxim_store_failing") == 1
        assert "Read-only file system" in node.kill()
    assert (folder / "sessions.db").read_bytes() == before
    with Running(folder) as node:
        assert statuses(node, "desk") == {kept: "pending"}


def test_two_nodes_cannot_share_a_store(tmp_path):
    with Running(tmp_path), Running(tmp_path) as second:
        assert second.process.wait(PATIENCE) == 2
        assert "another process has" in second.kill()


def test_wrong_key_is_refused_at_the_start(tmp_path):
    with Running(tmp_path):
        pass
    with Running(tmp_path, key="o" * 43) as second:
        assert second.process.wait(PATIENCE) == 2
        said = second.kill()
        assert f"store_key: {tmp_path}/sessions.db was encrypted with another key" in said
        assert "o" * 43 not in said

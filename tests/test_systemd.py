"""A node under systemd: passed sockets and notifications."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from websockets.sync.client import connect

from proxim.systemd import Notifier, take_sockets
from tests.cli.helpers import PROXIM
from tests.ports import reserved_port

PATIENCE = 60


class Manager:
    """The notification socket of a service manager."""

    def __init__(self, address):
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._socket.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def hear(self):
        """Return the next notification as a dict."""
        return dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())

    def hear_nothing(self, seconds):
        """Wait until no notification has come for this time."""
        deadline = time.monotonic() + PATIENCE
        self._socket.settimeout(seconds)
        with contextlib.suppress(TimeoutError):
            while self._socket.recv(4096):
                assert time.monotonic() < deadline
        self._socket.settimeout(PATIENCE)

    def hear_of(self, name):
        """Return the next notification of this name; skip others."""
        while name not in (notice := self.hear()):
            pass
        return notice


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    path = str(tmp_path / "notify")
    with Manager(path if request.param == "path" else f"@{path}") as manager:
        yield manager


@pytest.fixture
def port():
    with reserved_port() as port:
        yield port


@contextmanager
def service(*arguments, sockets=(), log=subprocess.DEVNULL, **environ):
    """A real node, started like systemd does, with ``sockets`` from descriptor 3 on."""
    passed = {}
    if sockets:
        # Only the process knows its pid: the shell executes it in its place.
        passed = {"LISTEN_FDS": str(len(sockets))}
    takes = " ".join(f"{3 + n}<&{each.fileno()}" for n, each in enumerate(sockets))
    script = f'export LISTEN_PID=$$; exec {takes}; exec "$@"'
    known = {name: value for name, value in os.environ.items() if "PROXIM" not in name}
    process = subprocess.Popen(
        ["bash", "-c", script, "-", PROXIM, "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        env={**known, **passed, **environ},
        pass_fds=[each.fileno() for each in sockets],
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def url_of(process):
    return re.search(r"http://\S+", process.stdout.readline())[0]


def greets(address):
    """Return the welcome message of the node at this address."""
    with connect(f"ws://{address[0]}:{address[1]}/ws", open_timeout=PATIENCE) as ws:
        return json.loads(ws.recv(PATIENCE))["type"]


def test_node_notifies_ready_reloading_and_stopping(manager):
    with service("--port", "0", NOTIFY_SOCKET=manager.address) as process:
        ready = manager.hear()
        url = url_of(process)
        assert ready == {"READY": "1", "STATUS": f"At {url}"}
        assert greets(url.removeprefix("http://").split(":")) == "welcome"
        process.send_signal(signal.SIGHUP)
        reloading = manager.hear()
        assert reloading.pop("RELOADING") == "1"
        (moment,) = reloading.values()
        assert 0 <= time.monotonic() - int(moment) / 1e6 < PATIENCE
        assert manager.hear() == {"READY": "1"}
        process.terminate()
        assert manager.hear() == {"STOPPING": "1"}
        assert process.wait(PATIENCE) == 0


@pytest.mark.real_time
def test_keep_alive_comes_from_the_event_loop(tmp_path):
    with Manager(str(tmp_path / "notify")) as manager:
        watched = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "400000"}
        with service("--port", "0", **watched) as process:
            manager.hear_of("READY")
            assert [manager.hear() for _ in range(3)] == [{"WATCHDOG": "1"}] * 3
            process.send_signal(signal.SIGSTOP)
            manager.hear_nothing(1)


@pytest.mark.real_time
async def test_stuck_loop_sends_no_keep_alive(tmp_path, nursery):
    with Manager(str(tmp_path / "notify")) as manager:
        watched = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "100000"}
        nursery.start_soon(Notifier(watched).run_watchdog)
        await trio.to_thread.run_sync(manager.hear_of, "WATCHDOG")
        await trio.testing.wait_all_tasks_blocked()
        manager.hear_nothing(0.5)  # in the event loop of the node, which blocks
        await trio.to_thread.run_sync(manager.hear_of, "WATCHDOG")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("environ", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_only_for_this_process(environ, watchdog):
    assert Notifier({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog == watchdog


def test_nothing_is_sent_without_a_service_manager():
    silent = Notifier({"WATCHDOG_USEC": "30000000"})
    silent.notify("READY=1")
    assert silent.watchdog is None


def test_absent_service_manager_is_logged(tmp_path, caplog):
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).notify("READY=1")
    (record,) = caplog.records
    assert "cannot send READY=1 to the service manager: No such file" in record.getMessage()


def test_node_accepts_on_passed_sockets():
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("127.0.0.1", 0)) as second,
        service("--port", "1", sockets=[first, second]) as process,
    ):
        assert url_of(process) == f"http://127.0.0.1:{first.getsockname()[1]}"
        for each in (first, second):
            assert greets(each.getsockname()) == "welcome"


def test_passed_socket_queues_clients_during_a_restart():
    with socket.create_server(("127.0.0.1", 0)) as kept:
        with service(sockets=[kept]) as process:
            url_of(process)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        with socket.create_connection(kept.getsockname(), PATIENCE) as early:
            early.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with service(sockets=[kept]):
                assert early.recv(4096).startswith(b"HTTP/1.1 200")


def test_descriptor_must_be_a_listening_tcp_socket(tmp_path):
    with (
        socket.socket() as deaf,
        socket.socket(socket.AF_UNIX) as local,
        open(os.devnull) as no_socket,
    ):
        local.bind(str(tmp_path / "socket"))
        local.listen()
        for wrong in (deaf, local, no_socket):
            with service(sockets=[wrong], log=subprocess.STDOUT) as process:
                said, _ = process.communicate(timeout=PATIENCE)
                assert process.returncode == 2
                assert "LISTEN_FDS: descriptor 3" in " ".join(said.split())


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_FDS": "1", "LISTEN_PID": "1"},
        {"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())},
    ],
)
def test_sockets_of_another_process_are_ignored(environ):
    assert take_sockets(environ) == []


@pytest.mark.needs("systemd-socket-activate")
def test_systemd_passes_the_socket(port):
    address = ("127.0.0.1", port)
    command = ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", PROXIM, "serve"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        while "Listening on" not in process.stderr.readline():
            pass
        assert greets(address) == "welcome"
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()

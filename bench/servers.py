"""The servers that are measured: how each is installed, started and spoken to.

They listen on loopback, pinned to one core; the load is pinned to another.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

BENCH = Path(__file__).parent
BUILD = BENCH / "build"
HOST = "127.0.0.1"
PATIENCE = 20.0

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = CORES[0], CORES[-1]


ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
    "PYTHONPYCACHEPREFIX": str(BUILD / "pycache"),
}
"""That of the servers: what is written in Python is compiled once and not at every start, as it is
where pip has installed it."""


class Server(NamedTuple):
    """A program that relays. ``command`` makes its command line from a port."""

    name: str
    script: str
    command: Callable[[int], Sequence[str | Path]]
    asks_first: bool = False
    """Whether anybody is asked before it relays."""
    environment: Callable[[int], dict[str, str]] = lambda port: {}

    @property
    def protocol(self) -> Path:
        return BENCH / "protocols" / self.script


class Running(NamedTuple):
    """A server that accepts connections."""

    server: Server
    port: int
    pid: int
    start_time: float
    """Seconds from the start of its process to its first accepted connection."""


def npm(path: str) -> Path:
    return BUILD / "node_modules" / path


def proxim(*more: str) -> Callable[[int], Sequence[str | Path]]:
    # The command as it is installed, as the others are started by theirs.
    program = Path(sys.executable).parent / "proxim"
    return lambda port: [program, "serve", "--port", str(port), *more]


LIFTED = (
    *("--message-rate", "0", "--control-rate", "0"),
    *("--sessions-per-owner", "0", "--max-sessions", "0"),
)
"""What would stop a load test and nothing else; the limits per address don't count loopback."""

PROXIM = Server("Proxim", "proxim.txt", proxim(*LIFTED), asks_first=True)
PEERJS = Server(
    "PeerJS",
    "peerjs.txt",
    lambda port: [
        *("node", npm("peer/dist/bin/peerjs.js"), "--host", HOST, "--port", str(port)),
        *("--path", "/", "--concurrent_limit", "1000000"),
    ],
)
WS = Server(
    "ws relay",
    "relay.txt",
    lambda port: ["node", BUILD / "relay.mjs", str(port)],
    asks_first=True,
)
WEBSOCKETS = Server(
    "websockets relay",
    "relay.txt",
    lambda port: [sys.executable, BENCH / "peers" / "relay.py", str(port)],
    asks_first=True,
)
Y_WEBRTC = Server(
    "y-webrtc",
    "y-webrtc.txt",
    lambda port: ["node", npm("y-webrtc/bin/server.js")],
    environment=lambda port: {"PORT": str(port), "HOST": HOST},
)
BARE = Server("bare C", "bare.txt", lambda port: [BUILD / "bare", str(port)])

PEERS = (PROXIM, PEERJS, WS, Y_WEBRTC, WEBSOCKETS)


def build() -> None:
    """Compile the load generator, and install the peers from npm."""
    for tool in ("cc", "npm", "node"):
        if shutil.which(tool) is None:
            sys.exit(f"the benchmark needs {tool}")
    BUILD.mkdir(exist_ok=True)
    source = BENCH / "load"
    for program, parts in (
        ("load", ["load", "runner", "wire", "script"]),
        ("bare", ["bare", "wire"]),
    ):
        files = [source / f"{part}.c" for part in parts]
        subprocess.run(["cc", "-O2", "-Wall", "-o", BUILD / program, *files], check=True)
    wanted = (BENCH / "peers" / "package.json").read_text()
    package = BUILD / "package.json"
    if not npm("peer").exists() or package.read_text() != wanted:
        package.write_text(wanted)
        subprocess.run(["npm", "install", "--silent", "--no-audit"], cwd=BUILD, check=True)
    shutil.copy(BENCH / "peers" / "relay.mjs", BUILD)
    for server in PEERS:
        with running(server):
            pass  # It has compiled what it compiles once.


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(server: Server, core: int = SERVER_CORE) -> Iterator[Running]:
    """Start a server on a core of its own, and stop it in the end."""
    port = free_port()
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in server.command(port)],
        env={**ENVIRONMENT, **server.environment(port)},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    try:
        yield Running(server, port, process.pid, wait_for(process, port) - began)
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen, port: int) -> float:
    """The moment at which the first connection was accepted."""
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return time.perf_counter()
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        time.sleep(0.001)
    raise RuntimeError(f"{process.args} accepts no connection")


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no memory is told of {pid}")


def cpu_time(pid: int) -> float:
    """Seconds of CPU that a process has used, in the program and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

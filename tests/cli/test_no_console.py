"""Programs without a console, whose standard streams are closed or None."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.cli.helpers import PATIENCE, PROXIM
from tests.ports import reserved_port

LINK = "https://node.example/join#" + "s" * 22 + "." + "t" * 43
ONE_CLOSED = pytest.mark.full("closed streams")

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def begin(command, closed, environ):
    """Start a program with these standard streams closed."""
    streams = {0: "<&-", 1: ">&-", 2: "2>&-"}
    shell = f'exec "$@" {" ".join(streams[each] for each in closed)}'
    return subprocess.Popen(
        ["/bin/sh", "-c", shell, "sh", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ,
        text=True,
    )


@pytest.fixture(
    params=[(0, 1, 2), *(pytest.param(each, marks=ONE_CLOSED) for each in ((1,), (2,)))], ids=str
)
def closed(request):
    return request.param


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("qr", LINK), 0),
        (("--version",), 0),
        (("doctor", "--port", "0"), 0),
        (("host", "--node", "http://127.0.0.1:1"), 3),
        (("join", "nonsense"), 2),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else None,
)
def test_command_works_without_a_console(closed, environ, command, code):
    program = begin([PROXIM, *command], closed, environ)
    _, err = program.communicate(timeout=PATIENCE * 2)
    assert (program.returncode, "Traceback" in err) == (code, False), err


def test_node_serves_and_stops_without_a_console(closed, environ):
    # With its output closed, a node cannot print its port.
    with reserved_port() as port:
        serves_and_stops_cleanly(port, closed, environ)


def serves_and_stops_cleanly(port, closed, environ, serve=(PROXIM, "serve")):
    node = begin([*serve, "--port", str(port), "--log-level", "debug"], closed, environ)
    deadline = time.monotonic() + 4 * PATIENCE
    while not is_healthy(port):
        assert node.poll() is None, node.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The closed descriptors are the null device, and not a socket.
    for each in closed:
        assert not os.readlink(f"/proc/{node.pid}/fd/{each}").startswith("socket:")
    node.send_signal(signal.SIGTERM)
    _, err = node.communicate(timeout=PATIENCE)
    assert (node.returncode, "Traceback" in err) == (0, False), err


def is_healthy(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError):
        return False


DIRECTLY = [
    ("from proxim.cli.serve import command; command(['--port', '99999'])", 2),
    ("from proxim.cli.host import command; command(['--node', 'http://127.0.0.1:1'])", 3),
    ("from proxim.cli.sessions import command; command(['list', '--node', 'http://[::1]:1'])", 3),
    (f"from proxim.cli.qr import command; command([{LINK!r}])", 0),
    ("from proxim.cli.nodes import command; command(['--wait', '0.1', '--json'])", 0),
    ("from proxim.cli.config import command; command(['show'])", 0),
    ("from proxim.cli.doctor import command; command(['--port', '0'])", 0),
]
"""Commands that an application calls without the group, which opens closed streams."""


@pytest.mark.parametrize(("program", "code"), DIRECTLY, ids=lambda each: str(each)[16:30])
def test_command_of_an_application_works_without_output(environ, program, code):
    process = begin([sys.executable, "-c", program], (1,), environ)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, "Traceback" in err) == (code, False), err


def test_node_of_an_application_serves_without_output(environ):
    program = "import sys; from proxim.cli.serve import command; command(sys.argv[1:])"
    with reserved_port() as port:
        serves_and_stops_cleanly(port, (1,), environ, [sys.executable, "-c", program])


THREADS = """
import sys, threading, warnings, logging
import proxim, trio
from proxim.client import open_guest

def fail(prompt):
    raise ValueError("it is logged, and a no")

def ask(link):
    async def main():
        try:
            async with open_guest(link, name="Phone") as guest:
                await guest.approved()
        except proxim.SessionOver as over:
            reasons.append(over.reason)
    trio.run(main)

reasons = []
with proxim.run_in_thread(port=0, log_level="debug") as node:
    for decide in (fail, lambda prompt: False):
        session = node.open_session(decide=decide)
        guest = threading.Thread(target=ask, args=(session.link,))
        guest.start()
        guest.join(20)
open(sys.argv[1], "w").write(" ".join(map(str, reasons)))
"""
NODE = """
import sys
import proxim, trio
from proxim.client import open_guest

async def main():
    async with proxim.Node(port=0) as node, trio.open_nursery() as nursery:
        session = await node.open_session(decide=fail)
        try:
            async with open_guest(session.link, name="Phone") as guest:
                await guest.approved()
        except proxim.SessionOver as over:
            open(sys.argv[1], "w").write(over.reason)

def fail(prompt):
    raise ValueError("it is logged, and a no")

trio.run(main)
"""


@pytest.mark.parametrize(
    ("program", "told"),
    [(THREADS, "rejected rejected"), (NODE, "rejected")],
    ids=["thread", "node"],
)
def test_application_without_a_console_embeds_a_node(closed, environ, tmp_path, program, told):
    written = tmp_path / "told"
    application = begin([sys.executable, "-c", program, str(written)], closed, environ)
    _, err = application.communicate(timeout=PATIENCE * 2)
    assert application.returncode == 0, err
    assert written.read_text() == told
    assert "AttributeError" not in err

import json
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from proxim.actors.log import log_id
from tests.cli.helpers import PATIENCE


class Errors:
    """The standard error of a program, line by line."""

    def __init__(self, program):
        self._fd = program.process.stderr
        self._unread = b""

    def line(self, pattern):
        """Return the next line that contains this."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\n" not in self._unread:
                ready, _, _ = select.select([self._fd], [], [], deadline - time.monotonic())
                assert ready, f"no line with {pattern!r}"
                self._unread += self._fd.read(65536)
            line, _, self._unread = self._unread.partition(b"\n")
            if re.search(pattern, line.decode()):
                return line.decode()


@pytest.fixture
def talk(start):
    """A node, a host with an open session, and the node's log."""

    with ExitStack() as open_ones:

        def talk(*options):
            node = start("serve", "--port", "0", *options)
            address = node.url().replace("http", "ws", 1) + "/ws"
            ws = open_ones.enter_context(connect(address))
            ws.recv()
            return node, ws, Errors(node)

        yield talk


def open_and_close(ws):
    ws.send(json.dumps({"type": "register", "uuid": "desk"}))
    ws.send(json.dumps({"type": "create_session", "session_type": "persistent"}))
    created = [json.loads(ws.recv()) for _ in "12"][1]
    session_id = created["session"]["session_id"]
    ws.send(json.dumps({"type": "close_session", "session_id": session_id}))
    ws.recv()
    return session_id


def test_json_log_has_a_log_id_instead_of_the_session_id(talk):
    _, ws, errors = talk("--log-level", "debug", "--log-format", "json")
    session_id = open_and_close(ws)
    opened = json.loads(errors.line("opened"))
    ended = json.loads(errors.line("ended"))
    assert opened["event"] == "a persistent session was opened"
    assert (opened["level"], ended["event"]) == ("debug", "a persistent session ended: closed")
    assert re.fullmatch("[0-9a-f]{10}", opened["session"])
    assert opened["session"] == ended["session"] != log_id(session_id)
    assert opened.keys() == {"event", "level", "timestamp", "session"}
    assert session_id not in json.dumps([opened, ended])


def test_text_log_has_plain_lines(talk):
    _, ws, errors = talk("--log-level", "debug")
    open_and_close(ws)
    line = errors.line("opened")
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[debug +\] a persistent session was opened"
    assert re.match(pattern + r" +session=[0-9a-f]{10}$", line), line


@pytest.mark.not_on("win32", reason="there is no SIGUSR1")
def test_sigusr1_toggles_debug_level(talk):
    node, ws, errors = talk()
    open_and_close(ws)
    node.process.send_signal(signal.SIGUSR1)
    assert "now debug" in errors.line("session|level")
    open_and_close(ws)
    errors.line("a persistent session was opened")
    errors.line("a persistent session ended")
    node.process.send_signal(signal.SIGUSR1)
    assert "now info" in errors.line("level")
    open_and_close(ws)
    node.process.terminate()
    _, err, code = node.finish()
    assert (err, code) == ("", 0)


WITHOUT_DESCRIPTORS = """
import os, sys
from proxim.cli import logs
logs.configure("info", sys.argv[1])
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    logs.log.warning("nothing can be opened: %s", 1)
for each in held:
    os.close(each)
logs.log.warning("it can")
"""


@pytest.mark.not_on("win32", reason="there is no limit on file descriptors")
@pytest.mark.parametrize("form", ["text", "json"])
def test_first_record_is_logged_when_descriptors_have_run_out(form):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    command = [sys.executable, "-c", WITHOUT_DESCRIPTORS, form]
    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    if form == "text":
        pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[warning *\] "
        assert re.fullmatch(pattern + "nothing can be opened: 1", first)
        assert re.fullmatch(pattern + "it can", second)
    else:
        assert json.loads(first).keys() == json.loads(second).keys()
        assert json.loads(first)["event"] == "nothing can be opened: 1"


def test_log_id_is_stable_and_unique():
    assert log_id("a") == log_id("a") != log_id("b")

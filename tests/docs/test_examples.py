"""The programs in docs/examples, and the page about them, run as a user would run them."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

import proxim
from tests.docs.test_docs import ROOT, blocks
from tests.ports import reserved_port

EXAMPLES = ROOT / "docs" / "examples"
COUNTED = Path(__file__).with_name("counted.py")
PATIENCE = 60
"""Seconds after which something that was to come does not come any more."""


def _hear_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(*command):
    """A program with pipes; it is ended in the end."""
    process = subprocess.Popen(
        [*map(str, command)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        # A shell has what it starts in the background ignore Ctrl-C, and so would this program.
        preexec_fn=None if sys.platform == "win32" else _hear_ctrl_c,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def example(name, *arguments):
    return running(sys.executable, COUNTED, EXAMPLES / name, *arguments)


def joining(link):
    return running(sys.executable, "-m", "proxim", "join", link, "--name", "My phone", "--json")


def say(process, line):
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def hear(process, pattern):
    """The next line in which the pattern is found."""
    for line in process.stdout:
        found = re.search(pattern, line)
        if found:
            return found[0]
    raise AssertionError(f"no {pattern!r}, but {process.stderr.read()}")


def assert_nothing_is_left(process):
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert json.loads(errors) == []


@pytest.mark.parametrize("name", ["asyncio_host.py", "trio_host.py"])
def test_a_host_in_a_terminal_pairs_and_leaves_nothing_behind(name):
    with example(name) as host, joining(hear(host, r"http://\S+")) as guest:
        hear(host, "Let 'My phone' in")
        say(host, "y")
        hear(guest, "approved")
        say(guest, "hello")
        assert hear(host, "guest: .*") == "guest: 'hello'"
        hear(guest, "you said.*hello")
        say(guest, "/close")
        assert_nothing_is_left(host)


@pytest.mark.parametrize("name", ["asyncio_host.py", "trio_host.py"])
def test_a_host_in_a_terminal_may_say_no(name):
    with example(name) as host, joining(hear(host, r"http://\S+")) as guest:
        hear(host, "Let 'My phone' in")
        say(host, "n")
        hear(guest, "rejected")
        assert_nothing_is_left(host)


@pytest.mark.parametrize("host_name", ["asyncio_host.py", "script_host.py"])
@pytest.mark.parametrize("guest_name", ["asyncio_guest.py", "script_guest.py"])
def test_a_host_and_a_guest_of_any_kind_pair_at_a_node(node_process, host_name, guest_name):
    with example(host_name, node_process) as host:
        with example(guest_name, hear(host, r"http://\S+")) as guest:
            hear(host, "Let 'My program' in")
            say(host, "y")
            assert hear(host, "guest: .*") == "guest: 'hello'"
            assert hear(guest, "host: .*") == "host: 'you said: hello'"
            assert_nothing_is_left(guest)
        hear(host, "the session has ended: closed")
        assert_nothing_is_left(host)


@pytest.mark.parametrize("name", ["asyncio_host.py", "trio_host.py", "script_host.py"])
def test_a_host_prints_no_control_characters_of_a_guest(node_process, name):
    arguments = [] if name == "trio_host.py" else [node_process]
    with example(name, *arguments) as host:
        with proxim.sync.open_guest(hear(host, r"http://\S+"), name="My program") as guest:
            say(host, "y")
            guest.approved()
            guest.send("\x1b[2J\r")
            assert hear(host, "guest: .*") == r"guest: '\x1b[2J\r'"
            # Before the end, or the host could not send its echo.
            assert "you said: \x1b[2J\r" in guest.signals()
            guest.close()
        assert_nothing_is_left(host)


@pytest.mark.parametrize("name", ["asyncio_guest.py", "script_guest.py"])
def test_a_guest_prints_no_control_characters_of_a_host(node_process, name):
    with proxim.sync.open_host(node_process, uuid="hostile-host") as host:
        session = host.create("one_time")
        with example(name, session.link) as guest:
            session.prompt().approve()
            session.send("\x1b[2J\r")
            assert hear(guest, "host: .*") == r"host: '\x1b[2J\r'"
            assert_nothing_is_left(guest)


@pytest.mark.parametrize("guest_name", ["asyncio_guest.py", "script_guest.py"])
def test_a_guest_says_that_it_was_declined(node_process, guest_name):
    with example("script_host.py", node_process) as host:
        with example(guest_name, hear(host, r"http://\S+")) as guest:
            hear(host, "Let 'My program' in")
            say(host, "n")
            _, errors = guest.communicate(timeout=PATIENCE)
            assert (guest.returncode, errors) == (1, "the session has ended: rejected\n")
        assert_nothing_is_left(host)


def test_a_host_of_a_sealed_session_asks_for_the_number(node_process):
    with example("sealed_host.py", node_process) as host:
        with joining(hear(host, r"http://\S+")) as guest:
            code = json.loads(hear(guest, '.*"pending".*'))["code"]
            hear(host, "'My phone' asks")
            say(host, code)
            hear(guest, "approved")
            say(guest, "hello")
            assert hear(host, "guest: .*") == "guest: 'hello'"
            say(guest, "/close")
            hear(host, "the session has ended: closed")
        assert_nothing_is_left(host)


@pytest.mark.parametrize("guest_name", ["asyncio_guest.py", "script_guest.py"])
def test_a_guest_shows_the_number_that_its_host_asks_for(node_process, guest_name):
    with example("sealed_host.py", node_process) as host:
        with example(guest_name, hear(host, r"http://\S+")) as guest:
            number = hear(guest, r"number: \d{3}$").split()[-1]
            hear(host, "'My program' asks")
            say(host, number)
            assert hear(host, "guest: .*") == "guest: 'hello'"
        hear(host, "the session has ended")
        assert_nothing_is_left(host)


def test_device_pairs_once_by_its_number_and_comes_again(node_process, tmp_path):
    grants = tmp_path / "grants.json"
    with (
        example("device_host.py", node_process, tmp_path) as host,
        example("device_guest.py", grants, hear(host, r"http://\S+")) as guest,
    ):
        number = hear(guest, r"number: \d{3}$").split()[-1]
        hear(host, "Which number")
        say(host, number)
        hear(guest, "knows this device")
        assert_nothing_is_left(guest)
    with example("device_host.py", node_process, tmp_path) as host:
        hear(host, "Waiting")
        with example("device_guest.py", grants) as guest:
            assert hear(host, ".*again").startswith("My phone")
            say(host, "y")
            hear(guest, "knows this device")
            assert hear(host, "guest: .*") == "guest: 'hello'"
            assert_nothing_is_left(guest)


@pytest.mark.not_on("win32", reason="Ctrl-C cannot be sent to one program there")
def test_host_makes_its_folder_asks_again_and_ends_by_ctrl_c(node_process, tmp_path):
    with (
        example("device_host.py", node_process, tmp_path / "new" / "folder") as host,
        example("device_guest.py", tmp_path / "grants.json", hear(host, r"http://\S+")) as guest,
    ):
        number = hear(guest, r"number: \d{3}$").split()[-1]
        for line in ("", "12"):
            hear(host, "Which number")
            say(host, line)
            hear(host, "three digits")
        hear(host, "Which number")
        say(host, number)
        hear(host, "Waiting for My phone")
        host.send_signal(signal.SIGINT)
        _, errors = host.communicate(timeout=PATIENCE)
        assert (host.returncode, errors) == (1, "Stopped.\n")


def test_program_with_a_node_knows_a_device_again(tmp_path, monkeypatch):
    grants = tmp_path / "grants.json"
    with reserved_port() as port:
        monkeypatch.setenv("PORT", str(port))
        with (
            example("embedded_devices.py", tmp_path) as host,
            example("device_guest.py", grants, hear(host, r"http://\S+")) as guest,
        ):
            number = hear(guest, r"number: \d{3}$").split()[-1]
            hear(host, "Which number")
            say(host, number)
            hear(guest, "knows this device")
            hear(host, "Waiting for My phone")
        with example("embedded_devices.py", tmp_path) as host:
            hear(host, "Waiting for My phone")
            with example("device_guest.py", grants) as guest:
                hear(host, "My phone is here again")
                say(host, "y")
                assert hear(host, "guest: .*") == "guest: 'hello'"
                assert_nothing_is_left(guest)
            with example("device_guest.py", grants) as guest:
                hear(host, "My phone is here again")
                say(host, "f")
                _, errors = guest.communicate(timeout=PATIENCE)
                assert errors == "the session has ended: forgotten\n"
            assert_nothing_is_left(host)


def test_device_that_no_host_knows_says_so(tmp_path):
    with example("device_guest.py", tmp_path / "grants.json") as guest:
        _, errors = guest.communicate(timeout=PATIENCE)
        assert errors == "No host knows this device: give a link.\n"


NEED_ARGUMENTS = [
    *("aiortc_guest.py", "asyncio_guest.py", "device_guest.py", "device_host.py"),
    *("embedded_devices.py", "script_guest.py", "script_host.py", "sealed_host.py"),
]


@pytest.mark.parametrize("name", NEED_ARGUMENTS)
def test_program_without_its_arguments_says_how_it_is_started(name):
    with example(name) as program:
        printed, errors = program.communicate(timeout=PATIENCE)
    assert (program.returncode, printed) == (1, "")
    assert "Traceback" not in errors
    assert re.search(rf"(?m)^ *python {name} \S", errors)


def test_a_host_says_in_one_line_why_it_cannot_go_on(node_process):
    for name in ("asyncio_host.py", "script_host.py"):
        with example(name, f"{node_process}/elsewhere") as host:
            _, errors = host.communicate(timeout=PATIENCE)
            assert host.returncode == 1
            assert errors == f"{node_process}/elsewhere answers HTTP 404\n"


def test_the_page_shows_the_programs_as_they_run():
    shown = {
        "devices": ["device_host.py", "device_guest.py"],
        "embed": ["tk_photo.py", "tk_host.py", "embedded_devices.py"],
        "python": ["script_host.py", "script_guest.py", "asyncio_guest.py", "sealed_host.py"],
    }
    for page, names in shown.items():
        programs = [(EXAMPLES / name).read_text(encoding="utf-8") for name in names]
        assert all(program in blocks(f"docs/howto/{page}.md", "python") for program in programs)


# -- the page --------------------------------------------------------------------------------


def printed_by(program, folder):
    script = folder / "program.py"
    script.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stderr == ""
    return done.stdout


def test_the_programs_of_the_page_print_what_it_says(tmp_path):
    _, _, in_thread, _, in_trio, _ = blocks("docs/howto/embed.md", "python")
    where, link, nobody, over = printed_by(in_thread, tmp_path).splitlines()
    assert link.startswith(f"The guest opens {where.removeprefix('The node is at ')}/join#")
    assert (nobody, over) == ("Nobody has asked", "Over: the session has ended: shutdown")
    assert [printed_by(in_trio, tmp_path)] == blocks("docs/howto/embed.md", "text")

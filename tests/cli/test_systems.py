"""The command line on emulated Windows and macOS, without the modules that they lack."""

import errno
import os
import subprocess
import sys

import pytest

from tests import systems
from tests.cli.helpers import FIELD, NUMBER
from tests.systems.path import hidden

LINK = "https://node.example/join#" + "s" * 22 + "." + "t" * 43
WINDOWS = systems.environ("win32")


@pytest.fixture(params=systems.SYSTEMS)
def system(request):
    return request.param


def run(system, program, **environ):
    """Run a program as a module of `proxim` on that system, and return its output."""
    script = f"import proxim; __package__ = 'proxim'\n{program}"
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **systems.environ(system), **environ},
        check=True,
    ).stdout.strip()


def test_emulated_system_hides_modules_only_from_proxim(system):
    told = run(
        system,
        "import sys, select, signal, socket, os, trio\n"
        "def has(name):\n"
        "    try:\n"
        "        __import__(name, globals())\n"
        "    except ImportError:\n"
        "        return False\n"
        "    return True\n"
        "print(sys.platform, hasattr(select, 'epoll'), hasattr(signal, 'SIGHUP'),"
        " hasattr(socket, 'AF_UNIX'), has('termios'), has('msvcrt'), __import__('sys').platform)\n",
    )
    unix, windows = str(system == "darwin"), str(system == "win32")
    assert told.split() == [system, "False", unix, unix, unix, windows, "linux"]


def test_identity_is_in_the_config_directory_of_the_system(system, start, serve, tmp_path):
    environ = {**systems.environ(system), "LOCALAPPDATA": str(tmp_path / "AppData" / "Local")}
    environ["PROXIM_IDENTITY"] = ""
    _, err, code = start("sessions", "list", "--node", serve(), **environ).finish()
    assert (err, code) == ("", 0)
    folder = {
        "win32": "AppData/Local/proxim/proxim",
        "darwin": "Library/Application Support/proxim",
    }[system]
    assert [each.relative_to(tmp_path).as_posix() for each in tmp_path.rglob("identity.json")] == [
        f"{folder}/identity.json"
    ]


@pytest.mark.parametrize("command", ["serve", "host"])
def test_ctrl_break_ends_a_command_on_windows(start, node, command):
    if command == "serve":
        program = start("serve", "--port", "0", **WINDOWS)
        program.url()
    else:
        program = start("host", "--json", "--node", node, **WINDOWS)
        program.event("session")
    program.process.send_signal(hidden.BREAK)
    _, err, code = program.finish()
    assert (err, code) == ("", 0 if command == "serve" else 1)


@pytest.mark.parametrize("page", ["cp1252", "cp437", "cp932", "ascii"])
def test_qr_code_is_drawn_with_any_windows_code_page(start, page):
    drawn, err, code = start("qr", LINK, PYTHONIOENCODING=page, **WINDOWS).finish()
    assert (err, code) == ("", 0)
    assert "█" in drawn
    assert "?" not in drawn


def test_missing_characters_of_an_encoding_are_replaced(start):
    out, err, code = start("qr", LINK, PYTHONIOENCODING="ascii").finish()
    assert (err, code) == ("", 0)
    assert out


def test_windows_console_edits_the_answer(start, node):
    desk = start("host", "--node", node, terminal=True, **WINDOWS)
    guest = start("join", desk.see(r"""join ['"](http\S+)['"]""")[1], terminal=True, **WINDOWS)
    number = guest.see(NUMBER)[1]
    desk.see(FIELD)
    desk.type(f"nö{number[:2]}\x7f{number[1:]}")
    desk.see(f"> {number}")
    desk.type("\n")
    desk.see("Connected")
    guest.see("Connected")
    desk.type("\U0001f600x\x7f ok\n")
    guest.see("< \U0001f600 ok")
    guest.type("\x04")
    assert [side.exit() for side in (desk, guest)] == [0, 0]


def test_piped_input_is_read_in_a_thread(start, host):
    link = host.event("session")["link"]
    guest = start("join", link, "--json", **WINDOWS)
    lines = [f"line {number} ".ljust(999, ".") for number in range(20)]
    guest.event("result")
    guest.type("".join(f"{line}\n" for line in lines))
    assert [host.event("chat")["text"] for _ in lines] == lines
    guest.type("/close\n")
    assert (host.exit(), guest.exit()) == (0, 0)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///C:/Users/me/node%201.db", "C:/Users/me/node 1.db"),
        ("sqlite:////server/share/x.db", "//server/share/x.db"),
    ],
)
def test_windows_store_path_begins_with_a_drive(url, path):
    assert (
        run("win32", f"from proxim.backends.sqlite.file import path_of; print(path_of({url!r}))")
        == path
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("https://x.example/join#a.b", '"https://x.example/join#a.b"'),
        ("https://x.example/?a=1&b=%20#a.b", '"https://x.example/?a=1&b=%20#a.b"'),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
        ("C:\\My files\\a.txt", '"C:\\My files\\a.txt"'),
        ("C:\\a.txt", "C:\\a.txt"),
        ("it's", '"it\'s"'),
        ('say "hi"', '"say \\"hi\\""'),
    ],
)
def test_windows_command_has_double_quotes(word, told):
    program = "from proxim.cli.terminal import command_line; print(command_line('send', {word!r}))"
    assert run("win32", program.format(word=word)) == f"proxim send {told}"


def test_path_of_a_windows_program_has_double_quotes():
    told = run(
        "win32",
        "import sys; from proxim.cli.group import program_name\n"
        "sys.argv[0] = '/Program Files/proxim.exe'; print(program_name())\n"
        "sys.argv[0] = '/x/__main__.py'; sys.orig_argv[0] = '/My Python/python.exe'\n"
        "print(program_name())",
    )
    assert told.splitlines() == [
        '"/Program Files/proxim.exe"',
        '"/My Python/python.exe" -m proxim',
    ]


def test_windows_listener_ignores_a_peer_that_left():
    told = run("win32", "from proxim.net import listener; print(*listener._NOTHING_TO_ACCEPT)")
    assert {str(errno.ECONNRESET), str(errno.EWOULDBLOCK)} <= set(told.split())

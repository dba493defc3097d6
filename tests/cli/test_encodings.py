"""Outputs whose encoding lacks the characters of the commands."""

import pytest

from tests.cli.helpers import scan

LINK = "https://node.example/join#" + "s" * 22 + "." + "t" * 43
BLOCKS = set("▀▄█")


@pytest.mark.needs("zbarimg")
@pytest.mark.parametrize("encoding", ["iso-8859-1", "iso-8859-15", "ascii"])
def test_qr_code_without_half_blocks_is_drawn_in_colours(start, tmp_path, encoding):
    drawn = start("qr", LINK, terminal=True, PYTHONIOENCODING=encoding, COLUMNS="220")
    assert drawn.exit() == 0
    assert scan(drawn.picture(), tmp_path / "screen.png") == LINK


@pytest.mark.needs("zbarimg")
def test_host_draws_its_code_in_colours(start, node, tmp_path):
    desk = start(
        "host", "--node", node, terminal=True, PYTHONIOENCODING="iso-8859-1", COLUMNS="220"
    )
    link = desk.see(r"""join ['"](http\S+)['"]""")[1]
    assert "?" not in desk.text.partition("Scan this")[0]
    assert scan(desk.picture(), tmp_path / "screen.png") == link


@pytest.mark.not_on("win32", reason="a stream whose code page lacks half blocks gets UTF-8")
def test_link_is_shown_where_its_code_does_not_fit(start, node):
    narrow = {"PYTHONIOENCODING": "iso-8859-1", "COLUMNS": "60"}
    drawn = start("qr", LINK, terminal=True, **narrow)
    assert drawn.exit() == 0
    assert drawn.text.strip().endswith(f"\n  {LINK}")
    assert not BLOCKS & set(drawn.text)
    desk = start("host", "--node", node, terminal=True, **narrow)
    desk.see(r"The QR code needs a window of \d+ columns and \d+ rows\.\sThis\sone has 60 and 60\.")
    desk.see(r"""join ['"](http\S+)['"]""")


def test_link_that_is_too_long_for_a_code_is_shown(run, tmp_path):
    link = f"https://node.example/{'x' * 3000}/join#{'s' * 22}.{'t' * 43}"
    out, err, code = run("qr", link)
    assert (err, code) == ("", 0)
    assert link in out
    for form in ("--svg", "--png"):
        _, err, code = run("qr", link, form, str(tmp_path / "code"))
        assert code == 1
        assert "too long for a QR code" in err


COMMANDS = [
    (("qr", LINK), 0),
    (("--help",), 0),
    (("--version",), 0),
    (("serve", "--help"), 0),
    (("doctor", "--port", "0"), 0),
    (("config", "show", "--announce", "Büro ☃"), 0),
    (("config", "show", "--json", "--announce", "Büro ☃"), 0),
    (("config", "show", "--public-url", "http://é☃"), 2),
    (("config", "show", "--config", "☃.toml"), 2),
    (("status", "{node}", "--once"), 0),
    (("sessions", "list", "--node", "{node}"), 0),
    (("host", "--node", "http://☃:1"), 2),
    (("join", "☃"), 2),
    (("health", "--host", "é☃", "--port", "1"), 2),
    (("completion", "fish"), 0),
]


@pytest.mark.parametrize("encoding", ["iso-8859-1", "ascii", "cp437"])
@pytest.mark.parametrize(
    ("command", "code"),
    COMMANDS,
    ids=lambda each: " ".join(map(ascii, each))[:30] if isinstance(each, tuple) else None,
)
def test_no_command_fails_for_the_encoding_of_its_output(start, node, command, code, encoding):
    told = start(*(part.format(node=node) for part in command), PYTHONIOENCODING=encoding)
    out, err = told.process.communicate(timeout=60)
    assert b"Traceback" not in out + err, err
    assert told.process.returncode == code, err


@pytest.mark.not_on("win32", reason="a stream whose code page lacks half blocks gets UTF-8")
def test_marks_are_told_apart_without_their_characters(start, node):
    out, _, _ = start(
        "doctor", "--port", "0", "--stun", "stun:127.0.0.1:1", PYTHONIOENCODING="iso-8859-1"
    ).finish()
    assert "+ port: can listen" in out
    assert "x stun: stun:127.0.0.1:1" in out
    assert "?" not in out.replace("through?", "")

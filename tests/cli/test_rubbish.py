"""Whatever is given, a command says what is wrong with it, and never shows its own insides."""

import pytest
from click.testing import CliRunner

from proxim.cli import main
from proxim.settings import SETTINGS

ADDRESSES = [
    *("", "   ", "a..b", "[::1", "http://", "http://[", "http://x:abc", "ws://x:99999"),
    *("redis://[", "redis://h:99999", "rediss://a..b:1", "http://a..b/", "\udcff", "é☃"),
    *(
        "http://user:hush@h/",
        "ws://user:hush@h/",
        "-",
        "x" * 300,
        "99999999999999999999",
        "\n",
        "a\0b",
    ),
]
COMMANDS = [
    ("status", "{}", "--once"),
    ("join", "{}", "--json"),
    ("host", "--json", "--node", "{}"),
    ("sessions", "list", "--node", "{}"),
    ("cluster", "status", "--cluster", "{}"),
    ("qr", "{}"),
    ("config", "show", "--public-url", "{}"),
    ("config", "show", "--tls-cert", "\udcff{}"),
    ("doctor", "--host", "{}"),
    ("doctor", "--store", "{}", "--store-key", "k" * 32),
    ("doctor", "--cluster", "{}"),
    ("doctor", "--ice-provider", "{}"),
    ("health", "--host", "{}"),
    ("serve", "--host", "{}", "--port", "99999"),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXIM_IDENTITY", str(tmp_path / "identity.json"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments):
        done = CliRunner().invoke(main, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "Traceback" not in done.output
        assert done.exit_code in (1, 2, 3) or arguments[0] == "doctor", done.output
        assert "hush" not in done.output
        return done

    return run


# Nothing is asked of anybody: what could be looked up is turned away before, or fails at once.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(each[:2]))
@pytest.mark.parametrize("address", ADDRESSES, ids=lambda each: ascii(each[:20]))
def test_what_is_no_address_is_told_so(run, command, address):
    done = run(*(part.format(address) for part in command))
    assert len(done.output.strip()) > 10


OPTIONS = [setting.flag for setting in SETTINGS if not setting.is_switch]


@pytest.mark.parametrize("value", ["", "nan", "inf", "-1", "x", "9" * 400, "\udcff", "1\n2"])
@pytest.mark.parametrize(
    "command",
    [
        ("nodes", "--wait"),
        ("status", "--every"),
        ("host", "--type", "temporary", "--ttl"),
        ("cluster", "status", "--lease"),
    ],
    ids=" ".join,
)
def test_what_is_no_time_is_told_so(run, command, value):
    done = run(*command[:-1], f"{command[-1]}={value}")
    assert done.exit_code == 2


@pytest.mark.parametrize("option", [flag for flag in OPTIONS if flag != "--port"])
def test_no_value_of_an_option_makes_serve_fall(run, option):
    for value in (
        "",
        "a..b",
        "nan",
        "inf",
        "-1",
        "9" * 40,
        "é☃",
        "[::1",
        "x\n",
        "http://[",
        "\udcff",
        "a\0b",
    ):
        # The port is what stops it where the value is good.
        done = run("serve", f"{option}={value}", "--port", "99999")
        assert (done.exit_code, "Error" in done.output) == (2, True), (value, done.output)

"""For any input, a command reports what is wrong, and never a traceback."""

import pytest

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
def fails(run):
    """Run a command that cannot succeed; return its output and its exit code."""

    def fails(*arguments):
        out, err, code = run(*arguments)
        assert code in (1, 2, 3) or arguments[0] == "doctor", out + err
        assert "hush" not in out + err
        return out + err, code

    return fails


# No DNS query is sent: host names are refused before, or fail at once.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(each[:2]))
@pytest.mark.parametrize("address", ADDRESSES, ids=lambda each: ascii(each[:20]))
def test_invalid_address_is_wrong_usage(fails, command, address):
    said, _ = fails(*(part.format(address) for part in command))
    assert len(said.strip()) > 10


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
def test_invalid_time_is_wrong_usage(fails, command, value):
    _, code = fails(*command[:-1], f"{command[-1]}={value}")
    assert code == 2


@pytest.mark.parametrize("option", [flag for flag in OPTIONS if flag != "--port"])
def test_no_option_value_crashes_serve(fails, option):
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
        # If the value is valid, the port stops it.
        said, code = fails("serve", f"{option}={value}", "--port", "99999")
        assert (code, "Error" in said) == (2, True), (value, said)

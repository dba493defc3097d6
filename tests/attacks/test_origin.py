"""Pages from elsewhere, names that lead here by a trick, and what a proxy tells."""

import pytest

from tests.attacks.raw import Raw, head
from tests.attacks.target import status

GET = {"Host": "127.0.0.1"}
LOOPBACK = "--limit-loopback"

# -- origin, host, proxies -------------------------------------------------------------------


ALLOWED_B = ("--allow-origin", "https://b.example")


@pytest.mark.parametrize(
    ("origin", "options", "answer"),
    [
        (None, (), 101),
        ("own", (), 101),
        ("https://evil.example", (), 403),
        ("http://127.0.0.1:1", (), 403),
        ("null", (), 403),
        ("https://app.example", ("--allow-origin", "https://app.example"), 101),
        ("https://app.example.evil", ("--allow-origin", "https://app.example"), 403),
        ("http://app.example", ("--allow-origin", "https://app.example"), 403),
        ("https://b.example", ("--allow-origin", "https://a.example", *ALLOWED_B), 101),
        ("https://pair.example", ("--public-url", "https://pair.example"), 101),
    ],
)  # fmt: skip
def test_origin(limited, origin, options, answer):
    target = limited(*options)
    here = "{}:{}".format(*target.address)
    own = f"http://{here}"
    fields = {"Host": here, "Origin": own if origin == "own" else origin}
    assert status(target, head(**fields)) == answer


@pytest.mark.parametrize(
    ("host", "options", "answer"),
    [
        ("127.0.0.1", (), 101),
        ("192.168.1.5:8765", (), 101),
        ("[::1]:8765", (), 101),
        ("localhost:8765", (), 101),
        ("rebound.example", (), 403),
        ("localhost.evil.example", (), 403),
        ("127.0.0.1.evil.example", (), 403),
        ("pair.example", ("--public-url", "https://pair.example"), 101),
        ("lan.example", ("--allow-host", "lan.example"), 101),
        ("LAN.example:8765", ("--allow-host", "lan.example"), 101),
        ("x.lan.example", ("--allow-host", "lan.example"), 403),
    ],
)
def test_host(limited, host, options, answer):
    assert status(limited(*options), head(Host=host)) == answer


PROXY = ("--trusted-proxy", "127.0.0.0/8", "--connections-per-address", "1")
VIA = {
    "X-Forwarded-For": lambda address: {"X_Forwarded_For": address},
    "Forwarded": lambda address: {"Forwarded": f'for="{address}";proto=https'},
}


def second(target, first, other, how):
    """The status of a connection from ``other`` while there is one from ``first``."""
    with target.raw() as held:
        held.upgrade(head(**VIA[how](first)))
        return status(target, head(**VIA[how](other)))


@pytest.mark.parametrize("how", VIA)
@pytest.mark.parametrize(
    ("first", "other", "answer"),
    [
        ("192.0.2.1", "192.0.2.1", 503),
        ("192.0.2.1", "192.0.2.2", 101),
        ("[2001:db8::1]", "[2001:db8::2]", 503),
        ("[2001:db8::1]", "[2001:db8:0:1::1]", 101),
    ],
)
def test_trusted_proxy_tells_the_address(limited, how, first, other, answer):
    if how == "X-Forwarded-For":
        first, other = first.strip("[]"), other.strip("[]")
    assert second(limited(*PROXY), first, other, how) == answer


def test_of_several_the_right_most_that_is_no_proxy_counts(limited):
    forged = ("198.51.100.1, 192.0.2.1, 127.0.0.9", "198.51.100.2, 192.0.2.1, 127.0.0.9")
    assert second(limited(*PROXY), *forged, "X-Forwarded-For") == 503


@pytest.mark.parametrize("how", VIA)
def test_without_a_trusted_proxy_the_headers_say_nothing(limited, how):
    target = limited(LOOPBACK, "--connections-per-address", 1)
    assert second(target, "192.0.2.1", "192.0.2.2", how) == 503


@pytest.mark.parametrize("value", ["", "garbage", "192.0.2.1:x", "unknown", "\xff", "," * 50])
def test_a_forwarded_address_that_is_none_harms_nobody(limited, value):
    target = limited(*PROXY)
    with Raw(target.address) as client:
        client.send(head(X_Forwarded_For=value, Forwarded=f"for={value}"))
        assert client.answer()[0] in (101, 400)
    assert status(target, head(path="/healthz", headers=GET)) == 200

"""What comes before a WebSocket: heads of all kinds, and those who never finish one."""

import ssl
import time

import pytest
import trustme

from tests.attacks.raw import UPGRADE, Gone, head
from tests.attacks.target import until

GET = {"Host": "127.0.0.1"}
SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(512)

REFUSED = {
    "no upgrade": (head(headers=GET), 426),
    "upgrade to something else": (head(Upgrade="h2c"), 426),
    "no connection header": (head(Connection=None), 400),
    "no version": (head(Sec_WebSocket_Version=None), 426),
    "an old version": (head(Sec_WebSocket_Version="8"), 426),
    "two versions": (head(Sec_WebSocket_Version="13, 8"), 426),
    "no nonce": (head(Sec_WebSocket_Key=None), 400),
    "a short nonce": (head(Sec_WebSocket_Key="YWJj"), 400),
    "a nonce of no base64": (head(Sec_WebSocket_Key="!" * 24), 400),
    "two nonces": (head(Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==, x"), 400),
    "an unknown subprotocol": (head(Sec_WebSocket_Protocol="mqtt"), 400),
    "a subprotocol that is not ASCII": (head(Sec_WebSocket_Protocol="\xff"), 400),
    "HTTP/1.0": (head(version="1.0"), 400),
    "another method": (head(method="POST"), 405),
    "an invented method": (head(method="BREW"), 405),
    "no host": (head(Host=None), 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/9.9": (b"GET /healthz HTTP/9.9\r\nHost: a\r\n\r\n", 505),
    "TLS on a plain port": (HELLO, 400),
    "a header without a colon": (b"GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", 400),
    "a header with a space in its name": (b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n", 400),
    "a NUL in a header": (head(X="\0"), 400),
    "nothing but line ends": (b"\r\n" * 10, 400),
    "a request line of one word": (b"GET\r\n\r\n", 400),
    "a frame before the answer": (head() + b"\x81\x80\0\0\0\0", 400),
    "a head that is too big": (head(X="x" * 20_000), 431),
    "a target that is too long": (head(path="/" + "x" * 20_000), 431),
    "too many fields": (head(headers={**GET, **{f"X{n}": "" for n in range(101)}}), 431),
    "a path out of the house": (head(path="/../../etc/passwd", headers=GET), 404),
    "the same, escaped": (head(path="/%2e%2e/etc/passwd", headers=GET), 404),
    "a proxy's target": (head(path="http://example.org/", headers=GET), 404),
    "two lengths": (head(headers={**GET, "Content-Length": "1, 2"}), 400),
    "a length that is none": (head(headers={**GET, "Content-Length": "-1"}), 400),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED)
def test_a_bad_head_is_refused_with_its_status_and_the_socket_closed(node, request_, status):
    with node.raw() as client:
        client.send(request_)
        assert client.answer()[0] == status
        client.rest()


@pytest.mark.parametrize(
    "request_",
    [
        head(headers={**GET, "Content-Length": str(len(SMUGGLED))}) + SMUGGLED,
        head(headers={**GET, "Transfer-Encoding": "chunked"}) + b"0\r\n\r\n" + SMUGGLED,
        head(path="/", headers=GET) + SMUGGLED,
        head() + SMUGGLED,
    ],
    ids=["in a body", "behind chunks", "pipelined", "behind an upgrade"],
)
def test_what_is_smuggled_behind_a_request_is_not_answered(node, request_):
    with node.raw() as client:
        client.send(request_)
        client.answer()
        assert b"proxim_sessions" not in client.rest()


def test_what_is_in_a_header_comes_back_in_none(node):
    with node.raw() as client:
        client.send(head(path="/%0d%0aSet-Cookie:a=b?x\x0bSet-Cookie:c", headers=GET))
        status, fields = client.answer()
    assert status in (400, 404)
    assert "set-cookie" not in fields


GOOD = {
    "names in capitals": head(headers={name.upper(): text for name, text in UPGRADE.items()}),
    "among other upgrades": head(Upgrade="h2c, WebSocket", Connection="keep-alive, Upgrade"),
    "extensions that nobody asked for": head(Sec_WebSocket_Extensions="permessage-deflate, \xe9"),
    "a query": head(path="/ws?x=" + "y" * 4000),
    "as much as is allowed": head(**{f"X{n}": "x" * 100 for n in range(90)}),
}  # fmt: skip


@pytest.mark.parametrize("request_", GOOD.values(), ids=GOOD)
def test_an_odd_head_that_breaks_no_rule_is_served(node, request_):
    with node.raw() as client:
        client.send(request_)
        status, fields = client.answer()
        assert status == 101
        assert "sec-websocket-extensions" not in fields
        assert client.hear()["type"] == "welcome"


def test_a_head_may_come_byte_by_byte(node):
    with node.raw() as client:
        client.drip(head())
        assert client.answer()[0] == 101


@pytest.mark.real_time
def test_who_drips_a_head_has_its_time_for_all_of_it(limited):
    target = limited("--head-time", 1)
    began = time.monotonic()
    # A head of so many fields would take five seconds.
    with target.raw() as client, pytest.raises(Gone):
        client.send(b"GET / HTTP/1.1\r\n", *[b"a: b\r\n"] * 99, pause=0.05)
    assert time.monotonic() - began > 0.9


@pytest.mark.real_time
@pytest.mark.parametrize(
    "begun", [b"", b"GET /ws HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: a\r\n"]
)
def test_silence_is_answered_with_408_in_time(limited, begun):
    with limited("--head-time", 0.5).raw() as client:
        client.send(begun)
        assert client.answer()[0] == 408


@pytest.mark.full("real time")
@pytest.mark.real_time
def test_silence_is_answered_with_408_after_five_seconds(node):
    began = time.monotonic()
    with node.raw() as client:
        assert client.answer()[0] == 408
    assert time.monotonic() - began > 4.9


@pytest.mark.parametrize("data", [b"", head(), head(headers=GET), head()[:50], HELLO])
def test_a_reset_at_any_moment_is_nobodys_news(node, data):
    for _ in range(20):
        client = node.raw()
        client.send(data)
        client.reset()
    assert until(lambda: node.count("proxim_connections") == 1)


@pytest.mark.parametrize("data", [b"", head(), head()[:50]])
def test_half_a_close_ends_the_connection(node, data):
    with node.raw() as client:
        client.send(data)
        client.socket.shutdown(1)
        client.rest()


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(start, authority, tmp_path_factory):
    place = tmp_path_factory.mktemp("tls")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(place / "key.pem")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(place / "cert.pem", append=True)
    return start("--tls-cert", place / "cert.pem", "--tls-key", place / "key.pem", "--tls-time", 1)


@pytest.fixture
def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def served(node, context):
    with node.raw(tls=context) as client:
        client.upgrade()
        return client.hear()["type"] == "welcome"


@pytest.mark.real_time
@pytest.mark.parametrize(
    "data", [b"", HELLO, HELLO[:20], head(), b"\x15\x03\x01\x00\x02\x02\x28", bytes(5000)]
)
def test_a_tls_handshake_that_comes_to_nothing_ends_in_time(secured, trusting, data):
    before = secured.descriptors()
    with secured.raw() as client:
        client.send(data)
        assert served(secured, trusting)
        client.rest()
    assert until(lambda: secured.descriptors() <= before)
    assert "Traceback" not in secured.log()


def test_a_reset_within_tls_harms_nobody(secured, trusting):
    for data in (b"", head(), head()[:50]):
        client = secured.raw(tls=trusting)
        client.send(data)
        client.reset()
    assert served(secured, trusting)
    assert secured.process.poll() is None
    assert "crash" not in secured.log()

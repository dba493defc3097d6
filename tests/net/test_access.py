import pytest

from proxim.net.access import MAX_ORIGINS, Access, Rules
from proxim.net.http import Request


def access(url="https://node.example", scheme="http", **rules):
    return Access(url, scheme, Rules(**rules))


def test_an_address_is_counted_under_its_given_name():
    rules = Rules(trusted_proxy=["10.0.0.0/8"])
    named = Access("https://node.example", "http", rules, lambda bucket: f"<{bucket}>")
    assert named.source("192.0.2.1").address == "<192.0.2.1>"
    assert named.source("2001:db8::1").address == "<2001:db8::/64>"
    assert named.source("127.0.0.1").address is None
    told = request(x_forwarded_for="192.0.2.7")
    assert named.source_behind("10.0.0.1", told).address == "<192.0.2.7>"
    assert (
        named.source_behind("10.0.0.1", request(x_forwarded_for="10.0.0.2")).address == "<10.0.0.2>"
    )


def request(**headers):
    fields = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return Request(method="GET", path="/ws", headers=fields, http_version=b"1.1", rest=b"")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1:2:3", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", None),
        ("127.9.9.9", None),
        ("::1", None),
        ("::ffff:127.0.0.1", None),
        ("", None),
        (None, None),
        ("garbage", None),
        ("1.2.3", None),
    ],
)
def test_an_ipv4_address_or_an_ipv6_64_network_counts_as_one_address(address, name):
    assert access().source(address).address == name


def test_loopback_is_counted_only_if_set():
    assert access(limit_loopback=True).source("127.0.0.1").address == "127.0.0.1"


def test_networks_around_an_ipv6_address_are_those_of_a_site_and_its_provider():
    assert access().source("2001:db8:1:2345::1").networks == (
        "2001:db8:1:2300::/56",
        "2001:db8:1::/48",
    )
    assert access().source("192.0.2.1").networks == ()


@pytest.mark.parametrize("limit_loopback", [False, True])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_all_loopback_addresses_are_one_network(address, limit_loopback):
    assert access(limit_loopback=limit_loopback).source(address).networks == ("loopback",)


def test_only_listed_peers_are_proxies():
    rules = access(trusted_proxy=("10.0.0.0/8", "::1"))
    assert rules.is_proxy("10.1.2.3")
    assert rules.is_proxy("::ffff:10.1.2.3")
    assert rules.is_proxy("::1")
    assert not rules.is_proxy("192.0.2.1")
    assert not rules.is_proxy(None)
    assert not access().is_proxy("10.1.2.3")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"x_forwarded_for": "192.0.2.1"}, "192.0.2.1"),
        ({"x_forwarded_for": "192.0.2.1:1234"}, "192.0.2.1"),
        ({"x_forwarded_for": "[2001:db8::1]:1"}, "2001:db8::/64"),
        ({"x_forwarded_for": "2001:db8::1"}, "2001:db8::/64"),
        ({"x_forwarded_for": "198.51.100.9, 192.0.2.1, 10.0.0.3"}, "192.0.2.1"),
        ({"x_forwarded_for": "10.0.0.2, 10.0.0.3"}, "10.0.0.2"),
        # Hops to the left of an invalid one are not trusted either.
        ({"x_forwarded_for": "192.0.2.1, garbage, 10.0.0.3"}, "10.0.0.3"),
        ({"x_forwarded_for": "192.0.2.1, unknown"}, "10.0.0.1"),
        ({"x_forwarded_for": "127.0.0.1"}, None),
        ({"forwarded": "for=192.0.2.1"}, "192.0.2.1"),
        ({"forwarded": 'for="192.0.2.1:47011"'}, "192.0.2.1"),
        ({"forwarded": 'proto=http;For="[2001:db8::1]:4711";by=10.0.0.1'}, "2001:db8::/64"),
        ({"forwarded": "for=198.51.100.9, for=192.0.2.1;proto=http, for=10.0.0.3"}, "192.0.2.1"),
        ({"forwarded": "for=_hidden"}, "10.0.0.1"),
        ({"forwarded": "proto=https"}, "10.0.0.1"),
        ({"forwarded": 'for="x, for=192.0.2.1'}, "192.0.2.1"),
        ({"forwarded": "for=192.0.2.1,"}, "10.0.0.1"),
        ({"forwarded": "by=10.0.0.1;proto=https;host=a;for=192.0.2.1"}, "192.0.2.1"),
        ({"forwarded": "for=2001:db8::1"}, "2001:db8::/64"),
        # Text that a client made a proxy quote is not an address.
        ({"forwarded": 'for=192.0.2.1;host="a, for=198.51.100.9"'}, "192.0.2.1"),
        ({"forwarded": 'for=192.0.2.1;host="a, for=198.51.100.9;b="'}, "192.0.2.1"),
        ({"forwarded": 'for=192.0.2.1;host="a, for=198.51.100.9;b=\\"";proto=a'}, "192.0.2.1"),
        ({"forwarded": 'for=192.0.2.1;host="a;for=198.51.100.9;b"'}, "192.0.2.1"),
        ({"forwarded": 'host="a;for=198.51.100.9;b";for=192.0.2.1'}, "192.0.2.1"),
        ({"forwarded": 'for="192.0.2.1\\"'}, "10.0.0.1"),
        ({"forwarded": "for=192.0.2.1", "x_forwarded_for": "192.0.2.1"}, "192.0.2.1"),
        ({"forwarded": "for=_hidden", "x_forwarded_for": "192.0.2.1"}, "192.0.2.1"),
        ({"x_real_ip": "192.0.2.1"}, "192.0.2.1"),
        ({"x_real_ip": "2001:db8::1"}, "2001:db8::/64"),
        ({"x_real_ip": "garbage"}, "10.0.0.1"),
        # The address of the proxy before, as nginx writes it.
        ({"x_real_ip": "10.0.0.3", "x_forwarded_for": "192.0.2.1, 10.0.0.3"}, "192.0.2.1"),
        ({"x_real_ip": "192.0.2.1", "x_forwarded_for": "192.0.2.1, 10.0.0.3"}, "192.0.2.1"),
        ({"x_real_ip": "192.0.2.1", "x_forwarded_for": "198.51.100.9, 192.0.2.1"}, "192.0.2.1"),
        # The client may have sent either header.
        ({"x_real_ip": "198.51.100.9", "x_forwarded_for": "192.0.2.1"}, "10.0.0.1"),
        ({"x_real_ip": "198.51.100.9", "forwarded": "for=192.0.2.1"}, "10.0.0.1"),
        ({"forwarded": "for=198.51.100.9", "x_forwarded_for": "192.0.2.1"}, "10.0.0.1"),
        ({"x_real_ip": "198.51.100.9", "x_forwarded_for": "127.0.0.1"}, "10.0.0.1"),
        ({}, "10.0.0.1"),
    ],
)
def test_the_right_most_hop_that_is_not_a_proxy_is_counted(headers, name):
    rules = access(trusted_proxy=("10.0.0.0/8",))
    assert rules.source_behind("10.0.0.1", request(**headers)).address == name


@pytest.mark.parametrize("headers", [{}, {"x_forwarded_for": "garbage"}, {"x_real_ip": ""}])
def test_a_loopback_proxy_without_a_usable_address_is_counted_and_warned_about_once(
    headers, caplog
):
    rules = access(trusted_proxy=("127.0.0.1",))
    for _ in range(2):
        assert rules.source_behind("127.0.0.1", request(**headers)).address == "127.0.0.1"
    (record,) = caplog.records
    assert "a trusted proxy does not report" in record.message


def test_client_that_sends_another_header_than_its_proxy_chooses_no_address(caplog):
    rules = access(trusted_proxy=("127.0.0.1",))
    for number in range(3):
        headers = {"x_real_ip": "203.0.113.9", "x_forwarded_for": f"198.51.100.{number}"}
        assert rules.source_behind("127.0.0.1", request(**headers)).address == "127.0.0.1"
    (record,) = caplog.records
    assert "several headers with different addresses" in record.message


def test_a_proxy_that_reports_an_address_is_not_warned_about(caplog):
    rules = access(trusted_proxy=("127.0.0.1", "10.0.0.0/8"))
    for headers in ({"x_real_ip": "192.0.2.1"}, {"x_forwarded_for": "10.0.0.1"}):
        rules.source_behind("127.0.0.1", request(**headers))
    assert not caplog.records


def test_an_unlisted_proxy_on_this_machine_is_warned_about_once(caplog):
    rules = access()
    for peer, headers in (
        ("192.0.2.1", {"x_forwarded_for": "192.0.2.7"}),
        ("127.0.0.1", {"host": "localhost"}),
        (None, {"via": "1.1 proxy"}),
    ):
        rules.notice_unlisted_proxy(peer, request(**headers))
    assert not caplog.records
    for header in ("x_forwarded_for", "cf_connecting_ip", "x_forwarded_proto"):
        rules.notice_unlisted_proxy("127.0.0.1", request(**{header: "192.0.2.1"}))
    (record,) = caplog.records
    assert "not in trusted_proxy" in record.message
    assert "192.0.2.1" not in record.message


BUECHER = "xn--bcher-kva.test"


@pytest.mark.parametrize("host", [BUECHER, f"{BUECHER}.:8765", BUECHER.upper()])
@pytest.mark.parametrize(
    "rules",
    [
        access("http://bücher.test:8765"),
        access("http://BÜCHER.test:8765"),
        access(f"http://{BUECHER}:8765"),
        access(allow_host=("bücher.test",), allow_origin=(f"http://{BUECHER}:8765",)),
        access(allow_host=(BUECHER,), allow_origin=("http://bücher.test:8765",)),
    ],
)
def test_names_are_compared_as_a_labels(rules, host):
    origin = f"http://{BUECHER}:8765"
    assert rules.refuse(request(host=host, origin=origin)) is None
    assert rules.refuse(request(host="xn--bcher-kva.example")).status == 403


@pytest.mark.parametrize("name", ["-bücher-.test", "a..ü", "ü" * 300, "\xff" * 9000, "xn--ü"])
def test_a_name_that_idna_does_not_permit_is_only_unknown(name):
    assert access().refuse(request(host=name)).status == 403
    assert access(allow_host=(name,)).refuse(request(host="node.example")) is None


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "passes"),
    [
        ("https://node.example", "127.0.0.1", "http", True),
        ("https://node.example:443", "127.0.0.1", "http", True),
        ("http://node.example", "node.example", "https", False),
        ("https://app.example", "node.example", "http", True),
        ("https://app.example:8443", "node.example", "http", False),
        ("http://10.0.0.1:8765", "10.0.0.1:8765", "http", True),
        ("https://10.0.0.1:8765", "10.0.0.1:8765", "http", False),
        ("https://10.0.0.1", "10.0.0.1", "https", True),
        ("http://[::1]:8765", "[::1]:8765", "http", True),
        ("http://10.0.0.2:8765", "10.0.0.1:8765", "http", False),
    ],
)
def test_only_own_and_allowed_origins_are_accepted(origin, host, scheme, passes):
    rules = access(scheme=scheme, allow_origin=("https://app.example",))
    refusal = rules.refuse(request(host=host, origin=origin))
    assert (refusal is None) is passes
    if refusal is not None:
        assert refusal.status == 403


def refused(caplog, *origins):
    """Return what is logged when pages of these origins are refused."""
    rules = access()
    for origin in origins:
        told = rules.refuse(request(host="node.example", origin=origin))
        assert told is not None
        assert told.status == 403
    return [record.getMessage() for record in caplog.records]


def test_refused_origin_is_logged_once_with_the_setting_that_lets_it_in(caplog):
    (told,) = refused(caplog, *["https://app.example"] * 3)
    assert told.startswith("a page of https://app.example was refused")
    assert told.endswith("--allow-origin https://app.example")
    caplog.clear()
    (told,) = refused(caplog, "null", "null")
    assert "serve the page by HTTP" in told


def test_an_origin_that_is_none_is_not_logged(caplog):
    assert refused(caplog, "https://a\x1b[2J", "https://a b", f"https://{'a' * 300}", "x" * 9) == []


def test_pages_of_strangers_do_not_fill_the_log(caplog):
    origins = [f"https://{number}.example" for number in range(100)]
    *told, last = refused(caplog, *origins, "null")
    assert len(told) == MAX_ORIGINS
    assert last == "pages of 16 origins were refused; further ones are not logged"


def test_a_direct_request_from_loopback_to_a_loopback_host_is_local():
    rules = access()
    for peer, host in (
        ("127.0.0.1", "127.0.0.1:8765"),
        ("::1", "[::1]:8765"),
        ("::ffff:127.0.0.1", "localhost"),
        ("127.0.0.1", "LocalHost."),
    ):
        assert rules.is_local(peer, request(host=host))


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("192.0.2.1", {"host": "127.0.0.1"}),
        (None, {"host": "127.0.0.1"}),
        ("127.0.0.1", {}),
        ("127.0.0.1", {"host": "node.example"}),
        ("127.0.0.1", {"host": "10.0.0.1"}),
        ("127.0.0.1", {"host": "localhost.evil.example"}),
        *(
            ("127.0.0.1", {"host": "127.0.0.1", header: "127.0.0.1"})
            for header in (
                *("forwarded", "x_forwarded_for", "x_real_ip", "via", "x_forwarded_host"),
                *("x_forwarded_proto", "x_forwarded_server", "cf_connecting_ip", "true_client_ip"),
                *("cdn_loop", "x_client_ip"),
            )
        ),
    ],
)
def test_a_request_that_only_seems_local_is_not(peer, headers):
    assert not access().is_local(peer, request(**headers))


def test_a_proxy_on_this_machine_is_not_local_even_without_headers():
    rules = access(trusted_proxy=("127.0.0.0/8",))
    assert not rules.is_local("127.0.0.1", request(host="127.0.0.1"))
    assert rules.is_local("::1", request(host="localhost"))

import pytest

from proxim.ice.urls import Server, parse


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("stun:a.example", Server("stun", "a.example", 3478, "udp")),
        ("stun:a.example:1", Server("stun", "a.example", 1, "udp")),
        ("turn:a.example?transport=tcp", Server("turn", "a.example", 3478, "tcp")),
        ("turns:[::1]:9", Server("turn", "::1", 9, "tls")),
        ("stuns:a.example", Server("stun", "a.example", 5349, "tls")),
        ("http://a.example", None),
        ("stun:", None),
        ("turn:a?transport=sctp", None),
    ],
)
def test_url_names_a_server(url, server):
    assert parse(url) == server

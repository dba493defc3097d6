"""HTTP on the same port."""

import http.client
import socket
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .client import PATIENCE, Node, Pair

PATHS = ["/", "/join", "/healthz", "/metrics"]
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def ask(node: Node, method: str, path: str, headers: dict[str, str] | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=PATIENCE)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("path", PATHS)
def test_get_serves_and_head_answers_the_same_without_a_body(node: Node, path: str) -> None:
    status, headers, body = ask(node, "GET", path)
    assert status == 200
    assert body
    status, head, nothing = ask(node, "HEAD", path)
    assert (status, nothing) == (200, b"")
    assert head["Content-Type"] == headers["Content-Type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/join", "/healthz", "/metrics", "/ws"])
def test_other_methods_get_405(node: Node, method: str, path: str) -> None:
    assert ask(node, method, path)[0] == 405


@pytest.mark.parametrize("path", ["/nope", "/join/x", "/ws/", "/../etc/passwd", "/healthz.txt"])
def test_unknown_paths_get_404(node: Node, path: str) -> None:
    assert ask(node, "GET", path)[0] == 404
    assert ask(node, "HEAD", path)[0] == 404


def test_a_get_of_ws_without_an_upgrade_gets_426(node: Node) -> None:
    status, headers, _ = ask(node, "GET", "/ws")
    assert status == 426
    assert headers["Upgrade"] == "websocket"


def test_only_ws_upgrades(node: Node) -> None:
    assert ask(node, "GET", "/join", UPGRADE)[0] == 200


def test_with_only_unknown_subprotocols_it_answers_400_and_names_its_own(node: Node) -> None:
    offered = {"Sec-WebSocket-Protocol": "proxim.v9, chat"}
    status, _, body = ask(node, "GET", "/ws", UPGRADE | offered)
    assert status == 400
    assert b"proxim.v1" in body


def test_metrics_are_prometheus_text_and_tell_no_secrets(approved: Pair) -> None:
    _, headers, body = ask(approved.node, "GET", "/metrics")
    text = body.decode()
    assert headers["Content-Type"].startswith("text/plain")
    assert list(text_string_to_metric_families(text))
    assert approved.id not in text


def test_healthz_answers_503_while_draining() -> None:
    node = Node()
    lines = [
        b"GET /ws HTTP/1.1",
        b"Host: localhost",
        *(f"{k}: {v}".encode() for k, v in UPGRADE.items()),
    ]
    try:
        with socket.create_connection(("127.0.0.1", node.port), PATIENCE) as deaf:
            deaf.sendall(b"\r\n".join([*lines, b"", b""]))
            assert b" 101 " in deaf.recv(4096)
            assert ask(node, "GET", "/healthz")[0] == 200
            node.terminate()
            deadline = time.monotonic() + PATIENCE
            while (status := ask(node, "GET", "/healthz")[0]) == 200:
                assert time.monotonic() < deadline
            assert status == 503
    finally:
        assert node.stop() == 0

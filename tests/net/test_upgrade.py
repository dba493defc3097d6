import base64

import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from tests.net.helpers import NONCE, TEXT, frame, parse, read_until, request


async def answer_to(memory_node, raw):
    """Return the head of the answer to a handshake, and the body of a refusal."""
    stream = memory_node.plug()
    await stream.send_all(raw)
    answer = parse(await read_until(stream, b"\r\n\r\n"))
    await stream.aclose()
    return answer


@pytest.mark.parametrize(
    ("offer", "selected"),
    [
        (None, None),
        ("", None),
        ("proxim.v1", "proxim.v1"),
        ("proxim.v2, proxim.v1", "proxim.v1"),
        ("proxim.v1,other", "proxim.v1"),
        (" , proxim.v1 ,", "proxim.v1"),
        ("\xe9\xff, proxim.v1", "proxim.v1"),
    ],
)
async def test_the_subprotocol_is_selected_if_offered(memory_node, offer, selected):
    answer = await answer_to(memory_node, request(Sec_WebSocket_Protocol=offer))
    assert answer.status == 101
    assert answer.headers.get("sec-websocket-protocol") == selected


@pytest.mark.parametrize("offer", ["proxim.v2", "PROXIM.V1", "chat, superchat", "\xff", "proxim"])
async def test_an_offer_of_unknown_subprotocols_is_refused_with_the_right_one(memory_node, offer):
    answer = await answer_to(memory_node, request(Sec_WebSocket_Protocol=offer))
    assert answer.status == 400
    assert "proxim.v1" in answer.body


async def test_two_header_fields_are_one_offer(memory_node):
    two = request(Sec_WebSocket_Protocol="other\r\nSec-WebSocket-Protocol: proxim.v1")
    assert (await answer_to(memory_node, two)).headers["sec-websocket-protocol"] == "proxim.v1"


async def test_the_accept_hash_matches_the_example_in_the_rfc(memory_node):
    answer = await answer_to(memory_node, request())
    assert answer.headers["sec-websocket-accept"] == "s3pplmbitxaq9kygzzhzrbk+xoo="


@pytest.mark.parametrize("version", ["12", "8", "13, 8", "14", "x", "\xff", None])
async def test_another_version_is_refused_with_the_right_one(memory_node, version):
    answer = await answer_to(memory_node, request(Sec_WebSocket_Version=version))
    assert (answer.status, answer.headers["sec-websocket-version"]) == (426, "13")


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        "short",
        NONCE + "x",
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        "dGhlIHNhbXBsZSBub25jZ\xff==",
        f"{NONCE}\r\nSec-WebSocket-Key: {NONCE}",
    ],
)
async def test_a_key_is_sixteen_bytes_in_base64(memory_node, key):
    answer = await answer_to(memory_node, request(Sec_WebSocket_Key=key))
    assert answer.status == 400
    assert "Sec-WebSocket-Key" in answer.body


async def test_only_get_upgrades(memory_node):
    assert (await answer_to(memory_node, request("HEAD"))).status != 101


async def test_http_1_0_cannot_upgrade(memory_node):
    answer = await answer_to(memory_node, request(version="1.0"))
    assert answer.status == 400
    assert "HTTP/1.1" in answer.body


@pytest.mark.parametrize(("connection", "status"), [("close", 400), ("keep-alive, UPGRADE", 101)])
async def test_the_connection_header_has_to_contain_upgrade(memory_node, connection, status):
    assert (await answer_to(memory_node, request(Connection=connection))).status == status


@pytest.mark.parametrize(("upgrade", "status"), [("h2c", 426), ("h2c, WebSocket", 101)])
async def test_the_upgrade_header_has_to_contain_websocket(memory_node, upgrade, status):
    assert (await answer_to(memory_node, request(Upgrade=upgrade))).status == status


@pytest.mark.parametrize("host", ["node", "NODE.:8765", "[::1]:1", "10.0.0.1", "localhost"])
async def test_the_host_may_be_a_name_of_the_node_or_an_address(memory_node, host):
    assert (await answer_to(memory_node, request(Host=host))).status == 101


@pytest.mark.parametrize(
    "host",
    ["", "\xff\xfe", "a b", "x" * 8000, "node:x", "node.example", "[node]", "1.2.3.4.5", "a@node"],
)
async def test_any_other_host_is_forbidden(memory_node, host):
    assert (await answer_to(memory_node, request(Host=host))).status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://node", 101),
        ("http://node:80", 101),
        ("HTTP://NODE", 101),
        ("https://node", 403),
        ("http://node:81", 403),
        ("http://node.evil", 403),
        ("null", 403),
        ("http://[", 403),
        ("http://node, http://node", 403),
    ],
)
async def test_the_origin_has_to_be_the_nodes_own(memory_node, origin, status):
    assert (await answer_to(memory_node, request(Origin=origin))).status == status


@pytest.mark.parametrize("name", ["Extensions", "Accept", "Whatever"])
@pytest.mark.parametrize("value", ["\xff", "permessage-deflate; \xe9", "permessage-deflate"])
async def test_other_websocket_headers_are_ignored(memory_node, name, value):
    answer = await answer_to(memory_node, request(**{f"Sec_WebSocket_{name}": value}))
    assert answer.status == 101
    assert "sec-websocket-extensions" not in answer.headers


async def test_bytes_before_the_answer_are_refused(memory_node):
    early = frame(TEXT, b'{"type":"ping","ref":"early"}')
    status, _, body = await memory_node.ask(request() + early)
    assert (status, "must not send anything before the answer" in body) == (400, True)


@pytest.mark.parametrize("offer", [None, "proxim.v1"])
async def test_the_answer_equals_that_of_wsproto(memory_node, offer):
    raw = request(Sec_WebSocket_Protocol=offer)
    oracle = WSConnection(ConnectionType.SERVER)
    oracle.receive_data(raw)
    next(oracle.events())
    expected = parse(oracle.send(AcceptConnection(subprotocol=offer)))
    answer = await answer_to(memory_node, raw)
    assert (answer.status, answer.headers) == (expected.status, expected.headers)

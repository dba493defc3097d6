"""Transport, the session object and links."""

import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from .client import PHONE, SESSION, Node, Pair, unlink

KEY = "k" * 22


def bits(text: str) -> int:
    assert re.fullmatch("[A-Za-z0-9_-]+", text)
    return len(urlsafe_b64decode(text + "=" * (-len(text) % 4))) * 8


def sha256(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def test_welcome_is_the_first_frame_and_tells_the_limits(node: Node) -> None:
    welcome = node.peer().welcome
    assert welcome["protocol"] == 1
    assert welcome["server"] == f"proxim/{node.version}"
    assert welcome["approval_timeout"] == 30
    assert isinstance(welcome["max_message_bytes"], int)


@pytest.mark.parametrize("offered", [["proxim.v1"], ["other.v9", "proxim.v1"]])
def test_the_subprotocol_is_selected_where_it_is_offered(node: Node, offered: list[str]) -> None:
    assert node.peer(subprotocols=offered).ws.subprotocol == "proxim.v1"


def test_without_a_subprotocol_the_node_accepts_too(node: Node) -> None:
    assert node.peer().ws.subprotocol is None


def test_a_binary_frame_is_a_bad_message_and_the_connection_stays_open(node: Node) -> None:
    peer = node.peer()
    peer.ws.send(b'{"type":"ping"}')
    peer.expect("error", code="bad_message")
    peer.quiet()


def test_a_ref_comes_back_with_the_reply_and_with_the_error(node: Node) -> None:
    peer = node.peer()
    for ref in ("r" * 64, "", "é\u2028\U0001f600"):
        peer.send("ping", ref=ref)
        assert peer.expect("pong")["ref"] == ref
        peer.send("list_sessions", ref=ref)
        assert peer.expect("error", code="not_registered")["ref"] == ref
    peer.send("ping")
    assert "ref" not in peer.expect("pong")


def test_what_was_not_asked_for_carries_no_ref(pair: Pair) -> None:
    assert "ref" not in pair.prompt
    assert "ref" in pair.host.decide(pair.id)
    assert "ref" not in pair.guest.expect("pair_result", status="approved")


@pytest.mark.parametrize("ref", ["r" * 65, 5, ["r"], {}, True])
def test_a_ref_is_a_string_of_at_most_64_characters(node: Node, ref: object) -> None:
    peer = node.peer()
    peer.send("ping", ref=ref)
    assert "ref" in peer.expect("error", code="bad_message")["message"]


def test_unknown_fields_are_ignored_at_every_depth(node: Node) -> None:
    host = node.host(colour="red", key=KEY, sessions=[{}])
    created = host.create(colour={"a": [1]}, link="mine")
    guest = node.peer()
    guest.pair(created, {**PHONE, "os": "none"})
    assert host.expect("pair_prompt")["device_info"] == PHONE
    session_id = created["session"]["session_id"]
    host.ask("pair_result", "pair_decision", session_id=session_id, approve=True, status="rejected")
    guest.expect("pair_result", status="approved")


def test_one_connection_holds_host_seats_and_guest_seats_at_once(node: Node) -> None:
    both, other = node.host("desk-a"), node.host("desk-b")
    mine = [both.create()["session"]["session_id"] for _ in range(2)]
    theirs = [other.create() for _ in range(2)]
    for created in theirs:
        session_id = created["session"]["session_id"]
        both.pair(created)
        other.expect("pair_prompt", session_id=session_id)
        both.refused("not_allowed", "pair_decision", session_id=session_id, approve=True)
        other.decide(session_id)
        both.expect("pair_result", session_id=session_id, status="approved")
        both.send("signal", session_id=session_id, data="hi")
        other.expect("signal", session_id=session_id, data="hi")
    assert set(both.sessions()) == set(mine)


def test_a_session_says_all_the_page_lists(node: Node, session_type: str) -> None:
    host = node.host("desk.1_a:b-c")
    session = host.create(session_type)["session"]
    assert set(session) >= SESSION
    assert session["uuid"] == "desk.1_a:b-c"
    assert session["session_type"] == session_type
    assert session["status"] == "pending"
    assert session["device_info"] is None
    assert session["host_online"] is True
    assert session["guest_online"] is False
    created_at = datetime.fromisoformat(session["created_at"])
    assert created_at.utcoffset() == timedelta(0)
    assert abs(datetime.now(created_at.tzinfo) - created_at) < timedelta(seconds=30)
    if session_type == "temporary":
        expires_at = datetime.fromisoformat(session["expires_at"])
        assert expires_at - created_at == timedelta(seconds=60)
    else:
        assert session["expires_at"] is None


def test_a_session_follows_its_guest_and_its_decision(pair: Pair) -> None:
    session = pair.host.sessions()[pair.id]
    assert (session["status"], session["guest_online"]) == ("pending", True)
    assert session["device_info"] == PHONE
    pair.approve()
    assert pair.host.sessions()[pair.id]["status"] == "approved"
    pair.guest.leave()
    pair.host.expect("peer_offline", session_id=pair.id)
    assert pair.host.sessions()[pair.id]["guest_online"] is False


def test_a_link_is_the_join_page_with_id_and_secret_in_the_fragment(node: Node) -> None:
    created = node.host().create()
    session_id, token = created["session"]["session_id"], created["token"]
    assert created["link"] == f"http://127.0.0.1:{node.port}/join#{session_id}.{token}"
    assert bits(session_id) >= 128
    assert bits(token) >= 256


def test_a_link_begins_with_the_public_url() -> None:
    node = Node("--public-url", "https://pair.example/x")
    try:
        created = node.host().create()
        session_id = created["session"]["session_id"]
        assert created["link"] == f"https://pair.example/x/join#{session_id}.{created['token']}"
    finally:
        node.close_peers()
        node.stop()


def test_the_qr_code_comes_as_svg_where_it_is_asked_for(node: Node) -> None:
    host = node.host()
    created = host.create(qr="svg")
    session_id = created["session"]["session_id"]
    renewed = host.ask("link_renewed", "renew_link", session_id=session_id, qr="svg")
    for message in (created, renewed):
        assert ElementTree.fromstring(message["qr_svg"]).tag.endswith("svg")
    assert created["qr_svg"] != renewed["qr_svg"]
    assert "qr_svg" not in host.create()


def test_with_token_hash_the_node_never_sees_the_token_until_the_guest_shows_it(
    node: Node,
) -> None:
    host, guest = node.host(), node.peer()
    created = host.create(token_hash=sha256("secret-1"))
    session_id = created["session"]["session_id"]
    assert not {"link", "token", "qr_svg"} & set(created)
    asked = {"session_id": session_id, "device_info": PHONE}
    renewed = host.ask(
        "link_renewed", "renew_link", session_id=session_id, token_hash=sha256("secret-2")
    )
    assert not {"link", "token", "qr_svg"} & set(renewed)
    guest.refused("unknown_session", "pair_request", token="secret-1", **asked)
    guest.refused("unknown_session", "pair_request", token=sha256("secret-2"), **asked)
    guest.ask("pair_pending", "pair_request", token="secret-2", **asked)
    host.expect("pair_prompt", session_id=session_id)


def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w+") as log:
        node = Node("--log-level", "debug", log=log)
        try:
            pair = Pair(node).approve()
            pair.guest.send("signal", session_id=pair.id, data="sdp-of-ada")
            pair.host.expect("signal")
            pair.guest.refused("unknown_session", "resume", session_id="x", resume_token="wrong-1")
            pair.resume()
        finally:
            node.close_peers()
            node.stop()
        log.seek(0)
        text = log.read()
    assert text, "debug says something"
    token = unlink(pair.created["link"])[1]
    for secret in (token, pair.resume_token, pair.host.key, "sdp-of-ada", "wrong-1", PHONE["name"]):
        assert secret not in text
        assert json.dumps(secret) not in text

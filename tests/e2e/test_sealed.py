"""Sealed sessions against a real node, which learns neither a name nor a signal."""

import urllib.request
from pathlib import Path

import pytest

from proxim.backends.sqlite.cipher import RowCipher
from proxim.backends.sqlite.file import StoreFile

from .client import Node, Pair
from .sealed import OUTSIDE, SealedPair

KEY = "k" * 32
CANARIES = {
    "host_name": "Canary desk of Ada",
    "guest_name": "Canary phone of Zoe",
}
SECRETS = {"sdp": "v=0 canary-ufrag", "candidate": "candidate:1 canary 192.0.2.77"}


def test_sealed_pair_meets(node: Node, session_type: str) -> None:
    assert node.peer().welcome["seal"] == 1
    assert "seal" in node.peer().welcome["features"]
    pair = SealedPair(node, session_type=session_type)
    assert pair.created.keys() == {"type", "ref", "session", "pair_within"}
    assert pair.created["session"]["seal"] == 1
    assert pair.prompt["device_info"] == OUTSIDE
    pair.approve().say({"sdp": "v=0"})


def test_guest_that_lost_every_answer_asks_again(node: Node) -> None:
    pair = SealedPair(node)
    pair.guest = node.peer()
    again = pair.guest.ask("pair_pending", "pair_request", **pair.request())
    assert again["resume_token"] != pair.resume_token
    assert again["expires_in"] < pair.pending["expires_in"]
    pair.guest.expect("pair_ack", session_id=pair.id, seal=pair.ack)
    pair.host.quiet()
    pair.approve().say(1)


def test_guest_that_was_reloaded_hears_ack_and_answer_again(node: Node) -> None:
    pair = SealedPair(node)
    for seal in (None, "answer"):
        pair.guest = node.peer()
        fields = {"session_id": pair.id, "resume_token": pair.resume_token}
        resumed = pair.guest.ask("resumed", "resume", **fields)
        assert resumed["ack"] == pair.ack
        assert resumed.get("seal") == seal
        if seal is None:
            pair.host.decide(pair.id, seal="answer")


def test_host_that_was_reloaded_hears_the_request_again(node: Node) -> None:
    pair = SealedPair(node, guest_name="Zoe's phone")
    pair.host = node.host(key=pair.host.key)
    (session,) = (
        each for each in pair.host.registered["sessions"] if each["session_id"] == pair.id
    )
    assert session["seal"] == 1
    assert pair.acknowledge(pair.host.expect("pair_prompt")) == "Zoe's phone"
    pair.host.quiet()
    pair.approve().say(1)


def test_seals_are_checked_without_using_anything_up(node: Node) -> None:
    pair = SealedPair(node)
    for wrong in ({"seal": None}, {"seal": "s" * 1025}, {"seal": "not base64url!"}):
        node.peer().refused("bad_message", "pair_request", **pair.request(**wrong))
    named = {"name": "Zoe", "id": "i"}
    refusal = node.peer().refused("bad_message", "pair_request", **pair.request(device_info=named))
    assert "Zoe" not in refusal["message"]
    for fields in ({}, {"seal": "s" * 2049}):
        pair.host.refused(
            "bad_message", "pair_decision", session_id=pair.id, approve=True, **fields
        )
    pair.host.refused("bad_message", "pair_ack", session_id=pair.id, seal="s" * 257)
    pair.host.refused("not_allowed", "pair_ack", session_id=pair.id, seal="another")
    pair.guest.refused("not_allowed", "pair_ack", session_id=pair.id, seal="another")
    node.peer().refused("token_used", "pair_request", **pair.request(seal="another"))
    pair.host.expect("contested", session_id=pair.id)
    pair.approve()
    pair.guest.quiet()
    plain = Pair(node)
    plain.host.refused("bad_message", "pair_ack", session_id=plain.id, seal="ack")


def test_node_that_requires_seals_says_what_would_be_right() -> None:
    node = Node("--require-seal")
    try:
        host = node.host()
        refusal = host.refused("bad_message", "create_session", session_type="persistent")
        assert refusal["message"].startswith("`seal` is missing: this node opens sealed sessions")
        SealedPair(node).approve().say(1)
        node.close_peers()
    finally:
        assert node.stop() == 0


@pytest.mark.parametrize("session_type", ["persistent", "one_time"])
def test_no_name_and_no_signal_is_seen_at_the_node(tmp_path: Path, session_type: str) -> None:
    """The canaries: what the node sends, logs, counts, lists and stores has none of them."""
    path, log = tmp_path / "sessions.db", tmp_path / "node.log"
    store = ("--store", f"sqlite://{path}", "--store-key", KEY)
    with log.open("w") as file:
        node = Node(*store, "--log-level", "debug", log=file)
        try:
            pair = SealedPair(node, session_type=session_type, **CANARIES).approve()
            for text in SECRETS.values():
                pair.say(text)
            pair.host.sessions()
            with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/metrics") as answer:
                metrics = answer.read().decode()
            told = [frame for peer in node.peers for frame in peer.frames]
            node.close_peers()
        finally:
            assert node.stop() == 0
    rows = StoreFile(str(path)).rows()
    stored = [RowCipher(KEY).decrypt(row, name).decode() for name, row in rows.items()]
    has_session = [pair.id in text for text in stored]
    assert any(has_session) is (session_type == "persistent")
    assert sum("pair_prompt" in frame for frame in told) == 1
    for place in (*told, log.read_text(), metrics, *stored):
        assert "anary" not in place
        assert "192.0.2.77" not in place


def test_name_of_a_plain_session_would_be_found(node: Node) -> None:
    assert "Ada's phone" in Pair(node).host.frames[-1]

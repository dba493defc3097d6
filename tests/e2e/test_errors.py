"""Errors: which code answers what, and to whom."""

import json
from typing import Any

import pytest

from .client import PHONE, Node, Pair, unlink

BAD = [
    ("nonsense", ""),
    ("", ""),
    ("[]", ""),
    ('"ping"', ""),
    ("{}", "type"),
    ('{"type":7}', "type"),
    ('{"type":"welcome"}', "type"),
    ('{"type":"ping"} {}', ""),
    ('{"type":"create_session"}', "session_type"),
    ('{"type":"renew_link"}', "session_id"),
    ('{"type":"pair_decision","session_id":"x"}', "approve"),
    ('{"type":"pair_decision","session_id":"x","approve":1}', "approve"),
    ('{"type":"pair_decision","session_id":["x"],"approve":true}', "session_id"),
    ('{"type":"close_session"}', "session_id"),
    ('{"type":"pair_request","session_id":"x","token":"t"}', "device_info"),
    ('{"type":"pair_request","session_id":"x","token":"t","device_info":3}', "device_info"),
    (
        '{"type":"pair_request","session_id":"x","token":"t","device_info":{"name":"n"}}',
        "device_info.id",
    ),
    (
        '{"type":"pair_request","session_id":"x","token":"t","device_info":{"name":1,"id":"i"}}',
        "device_info.name",
    ),
    ('{"type":"pair_request","session_id":"x","device_info":{"name":"n","id":"i"}}', "token"),
    ('{"type":"resume","session_id":"x"}', "resume_token"),
    ('{"type":"signal","session_id":"x"}', "data"),
    ('{"type":"refresh_ice"}', "session_id"),
]

NEEDS_REGISTER = {
    "create_session": {"session_type": "persistent"},
    "renew_link": {"session_id": "x"},
    "pair_decision": {"session_id": "x", "approve": True},
    "list_sessions": {},
}

OF_A_SEAT = {
    "signal": {"data": 1},
    "refresh_ice": {},
    "close_session": {},
    "renew_link": {},
    "pair_decision": {"approve": True},
}


@pytest.mark.parametrize(("text", "field"), BAD, ids=[text[:60] for text, _ in BAD])
def test_bad_message_names_the_field_by_path(node: Node, text: str, field: str) -> None:
    host = node.host()
    host.ws.send(text)
    assert field in host.expect("error", code="bad_message")["message"]
    host.quiet()


@pytest.mark.parametrize("request_", NEEDS_REGISTER)
def test_what_a_host_does_needs_a_register_first(node: Node, request_: str) -> None:
    peer = node.peer()
    peer.refused("not_registered", request_, **NEEDS_REGISTER[request_])
    peer.quiet()


@pytest.mark.parametrize("request_", OF_A_SEAT)
def test_a_stranger_learns_nothing_of_a_session(approved: Pair, request_: str) -> None:
    stranger = approved.node.host("stranger")
    real = stranger.refused(
        "unknown_session", request_, session_id=approved.id, **OF_A_SEAT[request_]
    )
    none = stranger.refused("unknown_session", request_, session_id="x" * 22, **OF_A_SEAT[request_])
    assert real["message"] == none["message"]
    assert set(real) == set(none)


def test_a_wrong_token_looks_like_no_session_at_every_stage(node: Node) -> None:
    pair, stranger = Pair(node), node.peer()
    fresh = pair.host.create()["session"]["session_id"]

    def answers(session_id: str) -> list[str]:
        asked: dict[str, Any] = {"session_id": session_id}
        tries = [
            stranger.refused(
                "unknown_session", "pair_request", token="wrong", device_info=PHONE, **asked
            ),
            stranger.refused("unknown_session", "resume", resume_token="wrong", **asked),
        ]
        return [error["message"] for error in tries]

    nothing = answers("x" * 22)
    assert answers(fresh) == nothing
    assert answers(pair.id) == nothing
    pair.approve()
    assert answers(pair.id) == nothing
    pair.host.ask("session_ended", "close_session", session_id=pair.id)
    assert answers(pair.id) == nothing


def test_a_pairing_token_is_no_resume_token_nor_the_other_way_round(pair: Pair) -> None:
    stranger = pair.node.peer()
    _, token = unlink(pair.created["link"])
    stranger.refused("unknown_session", "resume", session_id=pair.id, resume_token=token)
    stranger.refused(
        "unknown_session",
        "pair_request",
        session_id=pair.id,
        token=pair.resume_token,
        device_info=PHONE,
    )


def test_a_wrong_token_does_not_consume_the_link(node: Node) -> None:
    host, guest = node.host(), node.peer()
    created = host.create()
    session_id, _ = unlink(created["link"])
    for token in ("wrong", "", "x" * 43):
        guest.send("pair_request", session_id=session_id, token=token, device_info=PHONE)
        guest.expect("error")
    host.quiet()
    guest.pair(created)


def test_the_guest_seat_may_not_do_what_the_host_does(approved: Pair) -> None:
    guest = approved.guest
    guest.refused("not_allowed", "pair_decision", session_id=approved.id, approve=True)
    guest.refused("not_allowed", "renew_link", session_id=approved.id)
    approved.host.quiet()


def test_nothing_is_relayed_unless_approved(pair: Pair) -> None:
    for side in (pair.host, pair.guest):
        error = side.refused("not_approved", "signal", session_id=pair.id, data="early")
        assert error["session_id"] == pair.id
    pair.host.decide(pair.id, approve=False)
    pair.host.expect("session_ended")
    pair.host.refused("not_approved", "signal", session_id=pair.id, data="late")
    pair.guest.expect("pair_result")
    pair.guest.expect("session_ended")
    pair.guest.quiet()


def test_an_error_says_in_words_what_is_wrong_and_keeps_the_connection(node: Node) -> None:
    peer = node.peer()
    for _ in range(20):
        assert peer.refused("not_registered", "list_sessions")["message"]
    peer.ask("registered", "register", uuid="u")


def fill(pair: Pair, leaver: str) -> tuple[Any, Any]:
    """One side leaves; who stays, and what brings the other back."""
    away, stays = (pair.guest, pair.host) if leaver == "guest" else (pair.host, pair.guest)
    away.leave()
    stays.expect("peer_offline", session_id=pair.id)
    return stays, (pair.resume if leaver == "guest" else pair.register)


@pytest.mark.parametrize("leaver", ["guest", "host"])
def test_64_signals_are_kept_and_the_next_gets_peer_offline(approved: Pair, leaver: str) -> None:
    stays, back = fill(approved, leaver)
    for number in range(64):
        stays.send("signal", session_id=approved.id, data=number)
    stays.quiet()
    error = stays.refused("peer_offline", "signal", session_id=approved.id, data="too many")
    assert error["session_id"] == approved.id
    back()
    returned = approved.guest if leaver == "guest" else approved.host
    for number in range(64):
        returned.expect("signal", session_id=approved.id, data=number)
    returned.quiet()
    stays.expect("peer_online", session_id=approved.id)
    stays.send("signal", session_id=approved.id, data="after")
    returned.expect("signal", data="after")


@pytest.mark.parametrize("leaver", ["guest", "host"])
def test_256_kib_are_kept_and_past_it_comes_peer_offline(approved: Pair, leaver: str) -> None:
    stays, back = fill(approved, leaver)
    limit = stays.welcome["max_message_bytes"]
    empty = len(json.dumps({"type": "signal", "session_id": approved.id, "data": ""}))
    fits = 256 * 1024 // limit
    for _ in range(fits):
        stays.send("signal", session_id=approved.id, data="x" * (limit - empty))
    stays.quiet()
    stays.refused("peer_offline", "signal", session_id=approved.id, data="x" * (limit // 2))
    back()
    returned = approved.guest if leaver == "guest" else approved.host
    for _ in range(fits):
        assert len(returned.expect("signal")["data"]) == limit - empty
    returned.quiet()

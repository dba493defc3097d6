"""Approval by a code, and resume tokens that rotate, against a real node."""

import re

import pytest

from .client import Node, Pair, Peer


def resume(node: Node, pair: Pair, token: str) -> tuple[Peer, dict]:
    """A new connection in the guest's seat, and what it was told."""
    guest = node.peer()
    return guest, guest.ask("resumed", "resume", session_id=pair.id, resume_token=token)


def test_welcome_names_what_the_node_does_beyond_version_1(node: Node) -> None:
    assert {"confirm", "rotate", "join_url"} <= set(node.peer().welcome["features"])


# -- the code --------------------------------------------------------------------------------


def test_code_that_the_guest_shows_approves(node: Node) -> None:
    pair = Pair(node, confirm="code")
    assert pair.created["session"]["confirm"] == pair.prompt["confirm"] == "code"
    assert re.fullmatch("[1-9][0-9]{2}", pair.pending["code"])
    assert "code" not in pair.prompt
    pair.host.refused("not_allowed", "pair_decision", session_id=pair.id, approve=True)
    for code in ("", "12", "012", "1000", 123):
        fields = {"session_id": pair.id, "approve": True, "code": code}
        assert pair.host.ask("error", "pair_decision", **fields)["code"] == "bad_message"
    result = pair.host.decide(pair.id, code=pair.pending["code"])
    assert result["status"] == "approved"
    pair.guest.expect("pair_result", status="approved")


def test_bystander_who_scans_first_is_not_approved_without_its_code(node: Node) -> None:
    pair = Pair(node, confirm="code")  # The bystander is the guest of this pair.
    victim = node.peer()
    session_id, token = pair.created["link"].partition("/join#")[2].split(".")
    asked = {"session_id": session_id, "token": token, "device_info": pair.prompt["device_info"]}
    victim.refused("token_used", "pair_request", **asked)
    pair.host.expect("contested", session_id=pair.id)
    other = "999" if pair.pending["code"] != "999" else "998"
    assert pair.host.decide(pair.id, code=other)["status"] == "rejected"
    fields = {"session_id": pair.id, "approve": True, "code": pair.pending["code"]}
    pair.host.expect("session_ended", reason="rejected")
    assert pair.host.ask("error", "pair_decision", **fields)["code"] == "already_decided"
    pair.guest.expect("pair_result", status="rejected")
    pair.guest.expect("session_ended", reason="rejected")


def test_guest_that_resumes_during_the_prompt_has_the_same_code(node: Node) -> None:
    pair = Pair(node, confirm="code")
    _, resumed = resume(node, pair, pair.resume_token)
    assert resumed["code"] == pair.pending["code"]
    pair.register()
    assert pair.host.expect("pair_prompt")["confirm"] == "code"
    assert pair.host.decide(pair.id, code=resumed["code"])["status"] == "approved"
    _, resumed = resume(node, pair, resumed["resume_token"])
    assert "code" not in resumed


@pytest.mark.parametrize("fields", [{}, {"confirm": "none"}])
def test_session_without_confirm_has_no_code(node: Node, fields: dict[str, str]) -> None:
    pair = Pair(node, **fields)
    assert "code" not in pair.pending
    assert "confirm" not in pair.prompt | pair.created["session"]
    assert pair.host.decide(pair.id, code="123")["status"] == "approved"


# -- resume tokens ---------------------------------------------------------------------------


def test_guest_comes_back_again_and_again_each_time_with_a_new_token(node: Node) -> None:
    pair = Pair(node).approve()
    token = pair.resume_token
    for _ in range(20):
        guest, resumed = resume(node, pair, token)
        assert resumed["resume_token"] != token
        token = resumed["resume_token"]
    pair.host.send("signal", session_id=pair.id, data=1)
    guest.expect("signal", data=1)


def test_client_that_ignores_the_new_token_goes_on_working(node: Node) -> None:
    pair = Pair(node).approve()
    for _ in range(20):
        resume(node, pair, pair.resume_token)


def test_copied_resume_token_ends_the_session_and_both_sides_are_told(node: Node) -> None:
    pair = Pair(node).approve()
    thief, stolen = resume(node, pair, pair.resume_token)
    pair.host.expect("peer_online", session_id=pair.id, replaced=True)
    assert pair.guest.closed() == 4000
    guest, resumed = resume(node, pair, pair.resume_token)
    pair.host.expect("peer_online", session_id=pair.id, replaced=True)
    assert thief.closed() == 4000
    guest, resumed = resume(node, pair, resumed["resume_token"])
    pair.host.expect("peer_online", session_id=pair.id, replaced=True)
    thief = node.peer()
    fields = {"session_id": pair.id, "resume_token": stolen["resume_token"]}
    thief.ask("session_ended", "resume", **fields)
    for side in (pair.host, guest):
        side.expect("session_ended", session_id=pair.id, status="expired", reason="token_reused")
        side.quiet()

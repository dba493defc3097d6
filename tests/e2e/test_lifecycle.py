"""Lifecycle: what ends a session of each type, and when."""

import socket
import time
from datetime import UTC, datetime

import pytest

from .client import APPROVAL, PATIENCE, PHONE, QR_TTL, Node, Pair, unlink

SURVIVING = pytest.mark.parametrize("kind", ["persistent", "temporary"])


GRACE, LONG_GRACE, SWEEP = 0.5, 2, 0.5
LATE = 5
"""Seconds by which a busy machine may be late. The nodes would sweep after 60."""


@pytest.fixture(scope="module")
def graceful():
    node = Node("--one-time-grace", str(LONG_GRACE))
    yield node
    node.close_peers()
    assert node.stop() == 0


@pytest.fixture(scope="module")
def brief():
    """A node that sweeps often, with short times for a link and for who is away."""
    node = Node("--one-time-grace", str(GRACE), qr_ttl=QR_TTL, sweep=SWEEP)
    yield node
    node.close_peers()
    assert node.stop() == 0


def test_an_approved_session_goes_on_until_it_is_closed(node: Node, session_type: str) -> None:
    pair = Pair(node, session_type).approve()
    pair.host.ask("session_ended", "close_session", session_id=pair.id)
    pair.guest.expect("session_ended", session_id=pair.id, status="expired", reason="closed")
    pair.host.quiet()
    pair.guest.quiet()


def test_a_guest_may_close_once_approved_but_not_before(node: Node, session_type: str) -> None:
    pair = Pair(node, session_type)
    pair.guest.refused("not_allowed", "close_session", session_id=pair.id)
    pair.approve()
    pair.guest.ask("session_ended", "close_session", session_id=pair.id)
    pair.host.expect("session_ended", session_id=pair.id, status="expired", reason="closed")
    pair.guest.quiet()


def test_a_host_may_close_while_pending_and_with_the_prompt_up(
    node: Node, session_type: str
) -> None:
    host = node.host()
    session_id = host.create(session_type)["session"]["session_id"]
    ended = host.ask("session_ended", "close_session", session_id=session_id)
    assert (ended["status"], ended["reason"]) == ("expired", "closed")
    host.quiet()
    pair = Pair(node, session_type)
    pair.host.send("close_session", session_id=pair.id)
    pair.expired("closed")


def test_cancelled_request_ends_at_once_for_both(node: Node, session_type: str) -> None:
    pair = Pair(node, session_type)
    pair.host.refused("not_allowed", "pair_cancel", session_id=pair.id)
    node.peer().refused("unknown_session", "pair_cancel", session_id=pair.id)
    pair.guest.send("pair_cancel", session_id=pair.id)
    pair.expired("disconnected")
    pair.host.refused("already_decided", "pair_decision", session_id=pair.id, approve=True)
    ended = pair.guest.ask("session_ended", "pair_cancel", session_id=pair.id)
    assert ended["reason"] == "disconnected"


def test_cancel_after_the_approval_changes_nothing(approved: Pair) -> None:
    approved.guest.refused("already_decided", "pair_cancel", session_id=approved.id)
    approved.guest.send("signal", session_id=approved.id, data=1)
    approved.host.expect("signal", data=1)


@pytest.mark.real_time
def test_a_prompt_nobody_answers_expires_on_the_tick(quick: Node, session_type: str) -> None:
    pair = Pair(quick, session_type)
    pending = time.monotonic()
    pair.host.expect("pair_result", session_id=pair.id, status="expired")
    now = time.monotonic()
    assert now - pair.asked >= APPROVAL, "early"
    assert now - pending < APPROVAL + LATE, "late"
    pair.guest.expect("pair_result", session_id=pair.id, status="expired")
    pair.ended("expired", "approval_timeout")


@pytest.mark.real_time
def test_a_decision_after_the_window_gets_already_decided(quick: Node) -> None:
    pair = Pair(quick)
    pair.expired("approval_timeout")
    for approve in (True, False):
        pair.host.refused("already_decided", "pair_decision", session_id=pair.id, approve=approve)
    pair.guest.quiet()


def test_a_second_decision_gets_already_decided_and_changes_nothing(approved: Pair) -> None:
    for approve in (False, True):
        approved.host.refused(
            "already_decided", "pair_decision", session_id=approved.id, approve=approve
        )
    approved.guest.quiet()
    assert approved.host.sessions()[approved.id]["status"] == "approved"


def test_a_qr_code_is_used_once_whatever_comes_of_it(node: Node, session_type: str) -> None:
    pair, late = Pair(node, session_type), node.peer()
    session_id, token = unlink(pair.created["link"])
    asked = {"session_id": session_id, "token": token, "device_info": PHONE}
    late.refused("token_used", "pair_request", **asked)
    pair.guest.refused("token_used", "pair_request", **asked)
    pair.host.expect("contested", session_id=pair.id)
    pair.host.quiet()
    pair.approve()
    late.refused("token_used", "pair_request", **asked)
    pair.host.quiet()


def test_a_request_that_cannot_reach_the_host_keeps_the_link_good(node: Node) -> None:
    host, guest = node.host(), node.peer()
    created = host.create()
    session_id, token = unlink(created["link"])
    host.leave()
    asked = {"session_id": session_id, "token": token, "device_info": PHONE}
    guest.refused("host_offline", "pair_request", **asked)
    host = node.host(key=host.key)
    assert [found["session_id"] for found in host.registered["sessions"]] == [session_id]
    guest.pair(created)
    host.expect("pair_prompt", session_id=session_id)


@pytest.mark.real_time
def test_a_lapsed_link_leaves_the_session_pending_and_can_be_renewed(
    quick: Node, session_type: str
) -> None:
    host = quick.host()
    created = host.create(session_type)
    session_id, token = unlink(created["link"])
    asked = {"session_id": session_id, "device_info": PHONE}
    time.sleep(created["pair_within"] + 0.05)
    guest = quick.peer()
    guest.refused("link_lapsed", "pair_request", token=token, **asked)
    guest.refused("unknown_session", "pair_request", token="wrong", **asked)
    assert host.sessions()[session_id]["status"] == "pending"
    renewed = host.ask("link_renewed", "renew_link", session_id=session_id)
    guest.refused("unknown_session", "pair_request", token=token, **asked)
    guest.pair(renewed)
    host.expect("pair_prompt", session_id=session_id)


@pytest.mark.real_time
@pytest.mark.parametrize("stage", ["idle", "prompt", "approved"])
def test_a_temporary_session_ends_exactly_at_expires_at(node: Node, stage: str) -> None:
    host, guest = node.host(), node.peer()
    before, ttl = time.monotonic(), 1.5
    created = host.create("temporary", ttl=ttl)
    after = time.monotonic()
    session_id = created["session"]["session_id"]
    sides = [host] if stage == "idle" else [host, guest]
    if stage != "idle":
        guest.pair(created)
        host.expect("pair_prompt")
    if stage == "approved":
        host.decide(session_id)
        guest.expect("pair_result")
    for side in sides:
        if stage == "prompt":
            side.expect("pair_result", status="expired")
        side.expect("session_ended", session_id=session_id, status="expired", reason="expired")
        assert time.monotonic() - before >= ttl, "early"
        assert time.monotonic() - after < ttl + LATE, "late"
        expires_at = datetime.fromisoformat(created["session"]["expires_at"])
        assert -0.01 < (datetime.now(UTC) - expires_at).total_seconds() < LATE
        side.quiet()


@pytest.mark.real_time
def test_a_temporary_session_expires_also_while_both_are_away(node: Node) -> None:
    pair = Pair(node, "temporary", ttl=1.5).approve()
    pair.host.leave()
    pair.guest.leave()
    time.sleep(1.6)
    ended = pair.resume("session_ended")
    assert (ended["status"], ended["reason"]) == ("expired", "expired")
    assert pair.register()["status"] == "expired"


def test_one_time_before_any_guest_ends_when_the_host_leaves(node: Node) -> None:
    host = node.host()
    created = host.create("one_time")
    host.leave()
    host = node.host(key=host.key)
    assert [found["status"] for found in host.registered["sessions"]] in ([], ["expired"])
    session_id, token = unlink(created["link"])
    node.peer().ask(
        "session_ended", "pair_request", session_id=session_id, token=token, device_info=PHONE
    )


@pytest.mark.parametrize("leaver", ["host", "guest"])
def test_one_time_with_the_prompt_up_ends_when_either_leaves(node: Node, leaver: str) -> None:
    pair = Pair(node, "one_time")
    stays = pair.guest if leaver == "host" else pair.host
    (pair.host if leaver == "host" else pair.guest).leave()
    pair.expired("disconnected", stays)


@pytest.mark.parametrize("leaver", ["host", "guest"])
def test_one_time_approved_ends_when_either_leaves(node: Node, leaver: str) -> None:
    pair = Pair(node, "one_time").approve()
    stays = pair.guest if leaver == "host" else pair.host
    (pair.host if leaver == "host" else pair.guest).leave()
    stays.expect("session_ended", session_id=pair.id, status="expired", reason="disconnected")
    stays.quiet()


def test_a_connection_that_breaks_without_a_word_is_a_disconnect(node: Node) -> None:
    pair = Pair(node, "one_time").approve()
    pair.guest.ws.socket.shutdown(socket.SHUT_RDWR)
    pair.host.expect("session_ended", session_id=pair.id, reason="disconnected")


@pytest.mark.real_time
def test_a_one_time_side_may_come_back_within_the_grace(graceful: Node) -> None:
    pair = Pair(graceful, "one_time").approve()
    pair.guest.leave()
    pair.host.expect("peer_offline", session_id=pair.id)
    assert pair.resume()["session"]["status"] == "approved"
    pair.host.expect("peer_online", session_id=pair.id)
    pair.host.leave()
    pair.guest.expect("peer_offline", session_id=pair.id)
    assert pair.register()["status"] == "approved"
    pair.guest.expect("peer_online", session_id=pair.id)
    time.sleep(LONG_GRACE + 0.1)
    pair.host.quiet()
    pair.guest.quiet()


@pytest.mark.real_time
@pytest.mark.parametrize("stage", ["prompt", "approved"])
@pytest.mark.parametrize("leaver", ["host", "guest"])
def test_a_one_time_side_that_stays_away_past_the_grace_ends_it(
    brief: Node, stage: str, leaver: str
) -> None:
    pair = Pair(brief, "one_time")
    if stage == "approved":
        pair.approve()
    stays = pair.guest if leaver == "host" else pair.host
    left = time.monotonic()
    (pair.host if leaver == "host" else pair.guest).leave()
    if stage == "approved":
        stays.expect("peer_offline", session_id=pair.id)
    else:
        stays.expect("pair_result", session_id=pair.id, status="expired")
    stays.expect("session_ended", session_id=pair.id, status="expired", reason="disconnected")
    assert GRACE <= time.monotonic() - left < GRACE + LATE


@SURVIVING
def test_a_guest_that_drops_during_the_prompt_may_resume(node: Node, kind: str) -> None:
    pair = Pair(node, kind)
    pair.guest.leave()
    pair.host.quiet()
    resumed = pair.resume()
    assert resumed["session"]["status"] == "pending"
    pair.approve()


@SURVIVING
def test_a_guest_that_was_away_at_the_decision_learns_of_it_by_resuming(
    node: Node, kind: str
) -> None:
    pair = Pair(node, kind)
    pair.guest.leave()
    pair.host.decide(pair.id)
    resumed = pair.resume()
    assert resumed["session"]["status"] == "approved"
    assert isinstance(resumed["ice_servers"], list)


@SURVIVING
@pytest.mark.real_time
def test_a_prompt_is_sent_again_on_register_with_the_time_left(node: Node, kind: str) -> None:
    pair = Pair(node, kind)
    prompted = time.monotonic()
    pair.host.leave()
    pair.guest.quiet()
    time.sleep(0.5)
    returned = time.monotonic()
    assert pair.register()["status"] == "pending"
    again = pair.host.expect("pair_prompt", session_id=pair.id, device_info=PHONE)
    whole, left = pair.prompt["expires_in"], again["expires_in"]
    assert returned - prompted <= whole - left <= time.monotonic() - pair.asked
    pair.approve()


def test_every_open_prompt_is_sent_again_on_register(node: Node) -> None:
    host, guest = node.host(), node.peer()
    made = [host.create() for _ in range(3)]
    for created in made:
        guest.pair(created)
        host.expect("pair_prompt")
    host.leave()
    host = node.host(key=host.key)
    assert len(host.registered["sessions"]) == 3
    prompts = {host.expect("pair_prompt")["session_id"] for _ in made}
    assert prompts == {created["session"]["session_id"] for created in made}


@SURVIVING
@pytest.mark.real_time
def test_a_prompt_stays_up_for_its_time_while_the_host_is_away(quick: Node, kind: str) -> None:
    pair = Pair(quick, kind)
    pair.host.leave()
    pair.expired("approval_timeout", pair.guest)
    assert APPROVAL <= time.monotonic() - pair.asked < APPROVAL + LATE


@SURVIVING
def test_disconnects_are_survived_once_approved(node: Node, kind: str) -> None:
    pair = Pair(node, kind).approve()
    for _ in range(3):
        pair.guest.leave()
        pair.host.expect("peer_offline", session_id=pair.id)
        pair.host.leave()
        assert pair.register()["guest_online"] is False
        assert pair.resume()["host_online"] is True
        pair.host.expect("peer_online", session_id=pair.id)
    pair.guest.send("signal", session_id=pair.id, data="still here")
    pair.host.expect("signal", data="still here")


@pytest.mark.real_time
def test_the_sweep_ends_inactive_sessions_and_then_forgets_them(brief: Node) -> None:
    host, guest = brief.host(), brief.peer()
    session_id, token = unlink(host.create()["link"])
    host.leave()
    asked = {"session_id": session_id, "token": token, "device_info": PHONE}
    seen: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while "unknown_session" not in seen and time.monotonic() < deadline:
        guest.send("pair_request", **asked)
        answer = guest._receive(PATIENCE)
        seen.append(answer.get("code") or answer["reason"])
        time.sleep(0.05)
    waiting = [word for word in dict.fromkeys(seen) if word in ("host_offline", "link_lapsed")]
    assert [*waiting, "inactive", "unknown_session"] == list(dict.fromkeys(seen))


@pytest.mark.real_time
def test_the_sweep_spares_a_lapsed_link_whose_host_is_there(brief: Node) -> None:
    host = brief.host()
    session_id = host.create()["session"]["session_id"]
    approved = Pair(brief).approve()
    approved.host.leave()
    approved.guest.expect("peer_offline")
    time.sleep(QR_TTL + SWEEP + 0.2)
    host.quiet()
    assert host.sessions()[session_id]["status"] == "pending"
    host.ask("link_renewed", "renew_link", session_id=session_id)
    approved.guest.quiet()
    assert approved.register()["status"] == "approved"


def test_an_ended_session_says_why_to_those_who_held_it_only(node: Node) -> None:
    pair, stranger = Pair(node), node.peer()
    pair.host.decide(pair.id, approve=False)
    pair.guest.expect("pair_result")
    pair.ended("rejected", "rejected")
    assert pair.resume("session_ended")["reason"] == "rejected"
    wrong = {"session_id": pair.id, "resume_token": "wrong"}
    stranger.refused("unknown_session", "resume", **wrong)
    stranger.refused("unknown_session", "close_session", session_id=pair.id)

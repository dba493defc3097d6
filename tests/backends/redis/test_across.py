"""A host and a guest at different nodes see what they would see at one node."""

import itertools
import secrets

import pytest

from tests.backends.redis.nodes import Couple

#: Where the session is made, where the host is afterwards, and where the guest is.
WAYS = [(0, 0, 1), (0, 1, 0), (0, 1, 1), (0, 1, 2)]


@pytest.fixture(params=[(0, 1), (0, 0)])
def couple(cluster, request):
    at, guest_at = request.param
    return Couple(cluster[at], cluster[guest_at])


def test_pairing_signals_and_close_cross_nodes(couple):
    couple.approve().talk(*range(30))
    couple.host.ask("session_ended", "close_session", session_id=couple.id)
    couple.guest.expect("session_ended", session_id=couple.id, reason="closed")
    couple.quiet()


def test_rejection_crosses_nodes(couple):
    couple.host.decide(couple.id, approve=False)
    couple.guest.expect("pair_result", session_id=couple.id, status="rejected")
    couple.guest.expect("session_ended", session_id=couple.id, reason="rejected")


def test_cancelled_request_crosses_nodes(couple):
    couple.host.refused("not_allowed", "pair_cancel", session_id=couple.id)
    couple.guest.ask("session_ended", "pair_cancel", session_id=couple.id)
    for side in (couple.host, couple.guest):
        side.expect("pair_result", session_id=couple.id, status="expired")
    couple.host.expect("session_ended", session_id=couple.id, reason="disconnected")
    couple.host.refused("already_decided", "pair_decision", session_id=couple.id, approve=True)
    couple.quiet()


def test_guest_can_close_across_nodes(couple):
    couple.approve()
    couple.guest.ask("session_ended", "close_session", session_id=couple.id)
    couple.host.expect("session_ended", session_id=couple.id, reason="closed")
    couple.quiet()


def test_link_works_once_at_all_nodes(cluster, couple):
    for node in cluster.nodes:
        session_id, token = couple.created["link"].partition("/join#")[2].split(".")
        device = {"name": "Another", "id": "x"}
        fields = {"session_id": session_id, "device_info": device}
        node.peer().refused("token_used", "pair_request", token=token, **fields)
        node.peer().refused("unknown_session", "pair_request", token="wrong", **fields)


def test_session_that_no_node_has_is_unknown(cluster):
    for node in cluster.nodes:
        node.peer().refused("unknown_session", "resume", session_id="none", resume_token="x")


@pytest.mark.parametrize(("made_at", "host_at", "guest_at"), WAYS)
def test_signals_keep_their_order_wherever_the_sides_are(cluster, made_at, host_at, guest_at):
    couple = Couple(cluster[made_at], cluster[guest_at]).approve()
    couple.talk(*range(20))
    if host_at != made_at:
        session = couple.register(cluster[host_at])
        assert session["status"] == "approved"
        assert session["guest_online"]
    for start in range(0, 100, 20):
        couple.talk(*range(start, start + 20))
    couple.quiet()


@pytest.mark.parametrize(("made_at", "host_at", "guest_at"), WAYS)
def test_signals_keep_their_order_while_sides_come_and_go(cluster, made_at, host_at, guest_at):
    couple = Couple(cluster[made_at], cluster[guest_at]).approve()
    numbers = itertools.count()
    sent = []

    def speaks(count):
        for _ in range(count):
            sent.append(next(numbers))
            couple.guest.send("signal", session_id=couple.id, data=sent[-1])

    speaks(10)
    couple.say(couple.guest, couple.host)
    for number in sent:
        couple.host.expect("signal", data=number)
    couple.host.leave()
    couple.guest.expect("peer_offline")
    sent.clear()
    speaks(20)
    couple.guest.quiet()
    couple.register(cluster[host_at])
    speaks(20)
    couple.guest.expect("peer_online")
    speaks(20)
    for number in sent:
        couple.host.expect("signal", data=number)
    couple.quiet()


def test_signals_to_an_offline_side_are_kept_and_bounded(cluster):
    couple = Couple(cluster[0], cluster[1]).approve()
    couple.guest.leave()
    couple.host.expect("peer_offline", session_id=couple.id)
    for number in range(64):
        couple.host.send("signal", session_id=couple.id, data=number)
    couple.host.refused("peer_offline", "signal", session_id=couple.id, data=64)
    couple.resume(cluster[2], host_online=True)
    couple.host.expect("peer_online", session_id=couple.id)
    for number in range(64):
        couple.guest.expect("signal", session_id=couple.id, data=number)
    couple.talk(100, 101)


@pytest.mark.parametrize("at", [0, 1, 2])
def test_newer_connection_replaces_the_older_at_any_node(cluster, at):
    couple = Couple(cluster[0], cluster[1]).approve()
    host, guest = couple.host, couple.guest
    couple.resume(cluster[at], host_online=True)
    assert guest.closed() == 4000
    couple.host.expect("peer_online", session_id=couple.id, replaced=True)
    couple.talk(1, 2)
    couple.register(cluster[at])
    assert host.closed() == 4000
    couple.talk(3, 4)
    couple.quiet()


def test_one_time_session_ends_when_either_side_leaves(cluster):
    for side in ("host", "guest"):
        couple = Couple(cluster[0], cluster[1], "one_time").approve()
        other = couple.guest if side == "host" else couple.host
        getattr(couple, side).leave()
        other.expect("session_ended", session_id=couple.id, reason="disconnected")


def test_owner_lists_and_closes_its_sessions_at_any_node(cluster):
    key = secrets.token_urlsafe(32)
    host = cluster[0].host(key=key)
    ids = [host.create("persistent")["session"]["session_id"] for _ in range(3)]
    for node in cluster.nodes:
        looking = node.host(key=key, seats=[])
        assert list(looking.sessions()) == ids
    looking.ask("session_ended", "close_session", session_id=ids[0])
    host.expect("session_ended", session_id=ids[0], reason="closed")
    stranger = cluster[1].host(key=secrets.token_urlsafe(32))
    assert stranger.sessions() == {}
    stranger.refused("unknown_session", "close_session", session_id=ids[1])
    for session_id in ids[1:]:
        looking.ask("session_ended", "close_session", session_id=session_id)


def test_link_is_renewed_at_another_node(cluster):
    key = secrets.token_urlsafe(32)
    first = cluster[0].host(key=key)
    session_id = first.create("persistent")["session"]["session_id"]
    host = cluster[1].host(key=key)
    assert first.closed() == 4000
    renewed = host.ask("link_renewed", "renew_link", session_id=session_id)
    guest = cluster[2].peer()
    guest.pair(renewed)
    host.expect("pair_prompt", session_id=session_id)
    host.decide(session_id)
    guest.expect("pair_result", status="approved")
    guest.ask("ice_servers", "refresh_ice", session_id=session_id)
    host.refused("not_allowed", "renew_link", session_id=session_id)
    host.ask("session_ended", "close_session", session_id=session_id)


def test_connection_cannot_be_both_sides(cluster):
    couple = Couple(cluster[0], cluster[1]).approve()
    couple.guest.ask("registered", "register", uuid="desk-1", key=couple.key)
    couple.talk(1)
    couple.host.refused(
        "not_allowed", "resume", session_id=couple.id, resume_token=couple.resume_token
    )

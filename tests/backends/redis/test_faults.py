"""Nodes and a Redis that die or freeze."""

import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed

from tests.backends.redis.nodes import LEASE, SHORT_LEASE, Couple, until
from tests.e2e.client import PATIENCE


def comes(action):
    """Repeat an action until it is no longer refused as unavailable."""

    def attempt():
        try:
            return action()
        except AssertionError as refusal:
            if "unavailable" in str(refusal):
                return None
            raise

    return until(attempt)


def readiness(node):
    """Return what a node answers at ``/readyz``."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/readyz", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# -- a node dies -----------------------------------------------------------------------------


@pytest.mark.real_time
def test_approved_session_outlives_its_node(brittle):
    cluster = brittle(1, lease=SHORT_LEASE)
    cluster.add(lease=LEASE)
    cluster.add(lease=LEASE)
    couple = Couple(cluster[0], cluster[1]).approve()
    couple.talk(1)
    cluster.kill(0)
    assert couple.guest.closed() == 1012
    comes(lambda: couple.resume(cluster[1], host_online=False))
    session = comes(lambda: couple.register(cluster[2]))
    assert session["status"] == "approved"
    assert session["guest_online"]
    couple.guest.expect("peer_online")
    couple.talk(*range(10))
    assert session["expires_at"] == couple.created["session"]["expires_at"]
    couple.quiet()


@pytest.mark.real_time
def test_deadline_holds_after_a_takeover(brittle):
    cluster = brittle(2)
    couple = Couple(cluster[0], cluster[1], "temporary", ttl=8).approve()
    cluster.kill(0)
    cluster.expire(0)
    assert couple.guest.closed() == 1012
    resumed = comes(lambda: couple.resume(cluster[1]))
    assert resumed["session"]["expires_at"] == couple.created["session"]["expires_at"]
    couple.guest.expect("session_ended", reason="expired")
    late = datetime.now(UTC) - datetime.fromisoformat(resumed["session"]["expires_at"])
    # How late it may be at most is shown in `test_backend.py`, under a mock clock.
    assert timedelta(0) <= late < timedelta(seconds=10)


def test_prompted_and_one_time_sessions_end_with_their_node(brittle):
    cluster = brittle(2)
    prompted = Couple(cluster[0], cluster[1])
    one_time = Couple(cluster[0], cluster[1], "one_time").approve()
    cluster.kill(0)
    cluster.expire(0)
    for couple in (prompted, one_time):
        assert couple.guest.closed() == 1012
        guest = cluster[1].peer()
        fields = {"session_id": couple.id, "resume_token": couple.resume_token}
        ended = comes(
            lambda guest=guest, fields=fields: guest.ask("session_ended", "resume", **fields)
        )
        assert (ended["status"], ended["reason"]) == ("expired", "disconnected")


def test_guest_comes_back_after_its_node_died(brittle):
    cluster = brittle(2)
    couple = Couple(cluster[0], cluster[1]).approve()
    cluster.kill(1)
    cluster.expire(1)
    couple.host.expect("peer_offline", session_id=couple.id)
    couple.host.send("signal", session_id=couple.id, data="kept")
    couple.resume(cluster[0], host_online=True)
    couple.host.expect("peer_online")
    couple.guest.expect("signal", data="kept")
    couple.talk(1, 2)
    couple.quiet()


# -- a node freezes --------------------------------------------------------------------------


@pytest.mark.real_time
@pytest.mark.parametrize("longer", [0, pytest.param(30, marks=pytest.mark.slow("a long freeze"))])
def test_frozen_node_changes_nothing_in_a_session_it_lost(brittle, longer):
    cluster = brittle(1, lease=SHORT_LEASE)
    cluster.add(lease=LEASE)
    couple = Couple(cluster[0], cluster[1]).approve()
    local = Couple(cluster[0], cluster[0]).approve()
    old_host = couple.host
    cluster.freeze(0)
    # What the frozen node finds when it wakes up.
    old_host.send("signal", session_id=couple.id, data="from the past")
    old_host.send("close_session", session_id=couple.id)
    local.host.send("signal", session_id=local.id, data="from the past")
    assert couple.guest.closed() == 1012
    comes(lambda: couple.resume(cluster[1]))
    comes(lambda: couple.register(cluster[1]))
    comes(lambda: local.resume(cluster[1], host_online=False))
    couple.guest.expect("peer_online")
    couple.talk(1)
    time.sleep(longer)
    cluster.thaw(0)
    for sight in (old_host, local.host):
        seen = []
        while (code := _ended(sight, seen)) is None:
            pass
        assert code == 1012
        assert all(message["type"] == "error" for message in seen), seen
    time.sleep(1)
    couple.talk(*range(20))
    couple.quiet()
    local.guest.quiet()
    comes(lambda: local.register(cluster[0]))
    local.guest.expect("peer_online")
    local.talk(5, 6)


def _ended(peer, seen):
    try:
        seen.append(peer._receive(PATIENCE))
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else 0
    return None


# -- Redis -----------------------------------------------------------------------------------


@pytest.mark.real_time
def test_local_pairs_go_on_while_redis_is_frozen(brittle):
    cluster = brittle(2, lease=2 * SHORT_LEASE)
    node = cluster[0]
    assert readiness(node) == (200, "ready\n")
    local = Couple(node, node).approve()
    across = Couple(node, cluster[1]).approve()
    cluster.redis.freeze()
    frozen = time.monotonic()
    local.talk(*range(50))
    for seconds in (0, 2 * SHORT_LEASE + 1):
        time.sleep(max(0, frozen + seconds - time.monotonic()))
        refused = local.host.refused("unavailable", "create_session", session_type="persistent")
        cluster[1].peer().refused(
            "unavailable", "resume", session_id=local.id, resume_token=local.resume_token
        )
        assert refused["retry_after"] > 0
        local.talk(*range(50))
    until(lambda: readiness(node)[0] == 503)
    assert "Redis does not answer" in readiness(node)[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{node.port}/healthz", timeout=60) as answer:
        assert answer.status == 200
    cluster.redis.thaw()
    created = comes(lambda: local.host.create())
    until(lambda: readiness(node) == (200, "ready\n"))
    comes(lambda: cluster[1].peer().pair(created))
    local.host.expect("pair_prompt")
    local.talk(1)
    assert across.guest.closed() == 1012
    comes(lambda: across.resume(cluster[1]))


def test_short_freeze_of_redis_is_not_noticed(brittle):
    cluster = brittle(2)
    couple = Couple(cluster[0], cluster[1]).approve()
    for _ in range(3):
        cluster.redis.freeze()
        for number in range(10):
            couple.host.send("signal", session_id=couple.id, data=number)
            couple.guest.send("signal", session_id=couple.id, data=number)
        time.sleep(0.7)
        cluster.redis.thaw()
        for number in range(10):
            couple.host.expect("signal", data=number)
            couple.guest.expect("signal", data=number)
    couple.quiet()


def test_sessions_survive_a_restart_of_redis(brittle):
    cluster = brittle(3)
    local = Couple(cluster[0], cluster[0]).approve()
    across = Couple(cluster[0], cluster[1]).approve()
    cluster.redis.restart()
    local.talk(*range(50))
    assert across.guest.closed() == 1012
    # A node that takes longer to write back would find its sessions unknown.
    until(lambda: len(cluster.redis.ask("KEYS", "proxim:session:*").split()) == 2)
    comes(lambda: across.resume(cluster[2], host_online=True))
    across.host.expect("peer_offline")
    across.host.expect("peer_online")
    across.talk(*range(10))
    wrong = {"session_id": local.id, "resume_token": "wrong"}
    comes(lambda: cluster[1].peer().refused("unknown_session", "resume", **wrong))
    comes(lambda: local.resume(cluster[2], host_online=True))
    local.host.expect("peer_online", replaced=True)
    local.talk(1)


# -- one node after the other ----------------------------------------------------------------


@pytest.mark.real_time
def test_restarted_node_hands_its_sessions_over(brittle):
    cluster = brittle(2, "--drain-seconds", "3")
    couples, pending = [], []
    for kind in ("persistent", "one_time"):
        couples += [Couple(cluster[0], cluster[at], kind).approve() for at in (0, 1)]
        host = cluster[0].host()
        pending.append((host, host.create(kind)["session"]["session_id"]))
    cluster[0].terminate()
    for couple in couples:
        couple.talk(1, 2)
    for host, session_id in pending:
        host.expect("session_ended", session_id=session_id, reason="shutdown")
        assert host.closed() == 1012
    for couple in couples:
        assert (couple.host.closed(), couple.guest.closed()) == (1012, 1012)
    for couple in couples:
        couple.resume(cluster[1])
        assert couple.register(cluster[1])["status"] == "approved"
        couple.guest.expect("peer_online")
        couple.talk(*range(5))
        couple.quiet()
    assert cluster[0].stop() == 0

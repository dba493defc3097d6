"""A laptop that sleeps: deadlines that pass meanwhile are kept once it is awake."""

import time

import pytest

from tests.attacks.laptop import APPLICATION, Clocks, needs_sleep

pytestmark = needs_sleep

HOUR = 3600
TURN = ("--turn", "turn:relay.example", "--turn-secret", "secret", "--turn-ttl", "3600")


@pytest.fixture
def clocks(tmp_path):
    return Clocks(tmp_path)


@pytest.fixture
def node(start, clocks):
    # The sweep ends nothing here, and wakes nobody up.
    return start("--sweep-interval", HOUR, *TURN, env=clocks.environ)


@pytest.fixture(params=["serve", "embedded"])
def either(request, start, clocks):
    """A node of its own, or one in the event loop of an application."""
    if request.param == "serve":
        return request.getfixturevalue("node")
    return start(program=APPLICATION, env=clocks.environ)


def pair(node, host, ttl):
    session_id, token = node.invite(host, "temporary", ttl=ttl)
    guest = node.peer()
    guest.ask("pair_request", **node.request(session_id, token))
    host.hear("pair_prompt")
    host.say("pair_decision", session_id=session_id, approve=True)
    for side in (host, guest):
        assert side.hear("pair_result")["status"] == "approved"
    return guest, session_id


def test_session_whose_time_passed_in_sleep_ends_by_itself(either, clocks):
    with either.host() as host:
        guest, session_id = pair(either, host, ttl=600)
        with guest:
            clocks.sleep(599 - 60)
            guest.say("signal", session_id=session_id, data="still there")
            assert host.hear()["data"] == "still there"
            clocks.sleep(HOUR)
            woken = time.monotonic()
            for side in (host, guest):
                assert side.hear()["reason"] == "expired"
            assert time.monotonic() - woken < 5


@pytest.mark.parametrize("request_", ["signal", "refresh_ice"])
def test_first_message_after_sleep_finds_the_session_ended(either, clocks, request_):
    with either.host() as host:
        guest, session_id = pair(either, host, ttl=600)
        with guest:
            clocks.sleep(HOUR)
            fields = {"data": "late"} if request_ == "signal" else {}
            host.say(request_, session_id=session_id, **fields)
            assert host.hear()["reason"] == "expired"
            assert host.hear()["code"] == "not_approved"
            assert guest.hear()["reason"] == "expired", "and the signal does not cross"


def test_all_that_is_overdue_after_sleep_ends_before_a_request_is_answered(node, clocks):
    hosts = [node.host(uuid=f"desk-{number}") for number in range(5)]
    for host in hosts:
        for _ in range(60):
            node.invite(host, "temporary", ttl=600)
    clocks.sleep(HOUR)
    for host in hosts:
        host.say("list_sessions")
    for host in hosts:
        heard = [host.hear() for _ in range(61)]
        assert [each["type"] for each in heard] == ["session_ended"] * 60 + ["sessions"]
        assert {each["status"] for each in heard[-1]["sessions"]} == {"expired"}
        host.socket.close()


def test_link_that_expired_in_sleep_is_refused(either, clocks):
    with either.host() as host, either.peer() as guest:
        session_id, token = either.invite(host)
        clocks.sleep(301)
        assert guest.refused("pair_request", **either.request(session_id, token)) == "link_lapsed"


def test_prompt_that_timed_out_in_sleep_cannot_be_approved(either, clocks):
    with either.host() as host, either.peer() as guest:
        session_id, token = either.invite(host)
        assert guest.ask("pair_request", **either.request(session_id, token))["expires_in"] == 40
        host.hear("pair_prompt")
        clocks.sleep(600)
        host.say("pair_decision", session_id=session_id, approve=True)
        assert host.hear()["status"] == "expired"
        assert host.hear()["reason"] == "approval_timeout"
        assert host.hear()["code"] == "already_decided"
        assert guest.hear()["status"] == "expired"


def test_turn_credentials_after_sleep_end_with_the_session(node, clocks):
    with node.host() as host:
        guest, session_id = pair(node, host, ttl=600)
        with guest:
            ends_at = time.time() + 600
            clocks.sleep(300)
            granted = guest.ask("refresh_ice", session_id=session_id)
            (server,) = granted["ice_servers"]
            assert 290 < granted["ttl"] <= 300
            assert int(server["username"].partition(":")[0]) <= ends_at + 1
            clocks.sleep(301)
            guest.say("refresh_ice", session_id=session_id)
            assert guest.hear()["reason"] == "expired"
            assert guest.hear()["code"] == "not_approved"


@pytest.mark.parametrize("seconds", [HOUR, -HOUR])
def test_wall_clock_that_is_set_changes_no_deadline(node, clocks, seconds):
    with node.host() as host:
        guest, session_id = pair(node, host, ttl=600)
        with guest, node.peer() as other:
            other_id, token = node.invite(host)
            clocks.set_wall_clock(seconds)
            guest.say("signal", session_id=session_id, data="on")
            assert host.hear()["data"] == "on"
            asked = other.ask("pair_request", **node.request(other_id, token))
            assert asked["expires_in"] == 40
            time.sleep(1.5)
            assert guest.ask("refresh_ice", session_id=session_id)["ttl"] > 500

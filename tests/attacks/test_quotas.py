"""How much one address, one owner, one host and all together may have of a node."""

import time
from contextlib import ExitStack

import pytest

from tests.attacks.raw import head
from tests.attacks.target import refusal, status, until

WRONG = "w" * 43
LOOPBACK = "--limit-loopback"


# -- connections -----------------------------------------------------------------------------


def test_connections_per_address(limited):
    target = limited(LOOPBACK, "--connections-per-address", 5)
    with ExitStack() as crowd:
        for _ in range(5):
            crowd.enter_context(target.peer())
        assert status(target, head()) == 503
    assert until(lambda: status(target, head()) == 101)


def test_connections_per_address_do_not_count_loopback_unless_told(limited):
    target = limited("--connections-per-address", 2)
    with ExitStack() as crowd:
        for _ in range(5):
            crowd.enter_context(target.peer())
        assert status(target, head()) == 101


def test_max_connections(limited):
    target = limited("--max-connections", 5)
    with ExitStack() as crowd:
        for _ in range(5):
            crowd.enter_context(target.peer())
        assert status(target, head()) == 503
    assert until(lambda: status(target, head()) == 101)


def test_max_connections_is_80_percent_of_the_descriptors_by_default(start):
    target = start(descriptors=100)
    with ExitStack() as crowd:
        for _ in range(60):
            crowd.enter_context(target.peer())
        clients = [crowd.enter_context(target.raw()) for _ in range(24)]
        for client in clients:
            client.send(head())
        # Which of those that come at one moment are let in is left to chance.
        answers = [client.answer()[0] for client in clients]
        # One in ten of the 80 is kept for clients that are not on this machine.
        assert (answers.count(101), answers.count(503)) == (12, 12)
    assert target.process.poll() is None
    assert "Traceback" not in target.log()


# -- sessions --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        ("--sessions-per-owner", 3),
        (LOOPBACK, "--sessions-per-address", 3),
        ("--max-sessions", 3),
    ],
    ids=["owner", "address", "all"],
)
def test_sessions_are_limited_and_an_ended_one_makes_room(limited, options):
    target = limited(*options, "--sweep-interval", 0.2)
    with target.host() as host:
        (session_id, _), *_ = [target.invite(host) for _ in range(3)]
        assert refusal(host, "create_session", session_type="persistent")["code"] == "limit_reached"
        host.ask("close_session", session_id=session_id)

        def there_is_room():
            return host.ask("create_session", session_type="persistent")["type"] != "error"

        assert until(there_is_room)


@pytest.mark.parametrize(
    "options",
    [("--sessions-per-owner", 3), ("--sessions-per-address", 3)],
    ids=["of another owner", "of an address that is not counted"],
)
def test_sessions_that_are_not_counted_are_not_refused(limited, options):
    target = limited(*options)
    with ExitStack() as hosts:
        for number in range(3):
            host = hosts.enter_context(target.host(uuid=f"desk-{number}"))
            for _ in range(2):
                target.invite(host)


@pytest.mark.real_time
def test_idle_days_end_what_both_sides_have_left(limited):
    target = limited("--idle-days", 1 / 86_400, "--sweep-interval", 0.2)
    with target.host(uuid="stays") as host:
        kept, kept_id, _ = target.pair(host)
        kept.socket.close()
        with target.host(uuid="leaves") as leaver:
            guest, _, _ = target.pair(leaver)
            guest.socket.close()
        ended = 'proxim_sessions_ended_total{reason="idle"}'
        assert until(lambda: target.count(ended) == 1)
        time.sleep(1)
        assert target.count(ended) == 1, "a side of the other session is there"
        host.say("list_sessions")
        (session,) = host.hear("sessions")["sessions"]
        assert (session["session_id"], session["status"]) == (kept_id, "approved")


# -- prompts and denials ---------------------------------------------------------------------


def asks(target, client, invitation):
    client.say("pair_request", **target.request(*invitation))
    answer = client.hear()
    return answer.get("code", answer["type"])


def test_prompts_per_host(limited):
    target = limited("--prompts-per-host", 2)
    with target.host() as host, ExitStack() as guests:
        invitations = [target.invite(host) for _ in range(3)]
        for invitation in invitations[:2]:
            guest = guests.enter_context(target.peer())
            assert asks(target, guest, invitation) == "pair_pending"
            host.hear("pair_prompt")
        third = guests.enter_context(target.peer())
        assert asks(target, third, invitations[2]) == "rate_limited"
        assert host.pings(), "the host is not disturbed"
        # The link is not used up by that.
        host.say("pair_decision", session_id=invitations[0][0], approve=False)
        host.hear("session_ended")
        assert asks(target, third, invitations[2]) == "pair_pending"


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "loopback"])
def test_denials_per_address(limited, counted):
    target = limited(*[LOOPBACK] * counted, "--denials-per-address", 2)
    with target.host() as host:
        for _ in range(2):
            invitation = target.invite(host)
            with target.peer() as guest:
                assert asks(target, guest, invitation) == "pair_pending"
                host.hear("pair_prompt")
                host.say("pair_decision", session_id=invitation[0], approve=False)
                host.hear("session_ended")
        invitation = target.invite(host)
        with target.peer() as guest:
            wanted = "rate_limited" if counted else "pair_pending"
            assert asks(target, guest, invitation) == wanted
        if counted:
            assert host.pings(), "the host is not disturbed"


# -- guesses ---------------------------------------------------------------------------------


def guess(target):
    with target.peer() as guesser:
        guesser.say("resume", session_id="no-such-session", resume_token=WRONG)
        return guesser.hear()


def test_guesses_per_address(limited):
    target = limited(LOOPBACK, "--guesses-per-address", 3, "--restart-time", 0)
    with target.host() as host:
        guest, session_id, _ = target.pair(host)
        invitation = target.invite(host)
        with guest:
            began = time.monotonic()
            assert [guess(target)["code"] for _ in range(3)] == ["unknown_session"] * 3
            # Each waits twice as long as the one before: 100, 200, 400 ms or so.
            assert time.monotonic() - began > 0.3
            refused = guess(target)
            assert refused["code"] == "rate_limited"
            assert 0 < refused["retry_after"] <= 1800
            guest.say("signal", session_id=session_id, data="on")
            assert host.hear("signal")["data"] == "on", "live sessions are untouched"
            sessions = host.ask("list_sessions")["sessions"]
        (status_,) = [s["status"] for s in sessions if s["session_id"] == invitation[0]]
        assert status_ == "pending", "guessing burns no code"


@pytest.mark.real_time
def test_guesses_are_forgotten_after_the_window(limited):
    target = limited(
        *(LOOPBACK, "--guesses-per-address", 2, "--guess-window", 2, "--restart-time", 0)
    )
    for _ in range(2):
        guess(target)
    refused = guess(target)
    assert refused["code"] == "rate_limited"
    time.sleep(refused["retry_after"])
    assert guess(target)["code"] == "unknown_session"


def test_guesses_from_loopback_are_not_counted(limited):
    target = limited("--guesses-per-address", 2)
    assert [guess(target)["code"] for _ in range(5)] == ["unknown_session"] * 5

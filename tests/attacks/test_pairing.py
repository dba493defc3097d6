"""Ways in without a person's yes, and what a stranger learns by trying: nothing."""

import statistics
import threading
import time
from itertools import count

import pytest

from tests.attacks.raw import TEXT
from tests.attacks.target import KEY, PHONE, Stopwatch, until

WRONG = "w" * 43
UNKNOWN = "u" * 22


NAMES = count()


@pytest.fixture(scope="module")
def options():
    """No sweep, so that an ended session is known as long as a case wants it to be."""
    return ("--sweep-interval", "3600")


@pytest.fixture
def host(node):
    """A host with no sessions yet; at the end it closes whatever it has."""
    with node.host(uuid=f"desk-{next(NAMES)}") as host:
        yield host
        host.say("list_sessions")
        for session in host.hear("sessions")["sessions"]:
            if "reason" not in session:
                host.say("close_session", session_id=session["session_id"])
                host.hear("session_ended")


@pytest.fixture
def stranger(node):
    with node.peer() as stranger:
        yield stranger


def answer(client, kind, **fields):
    """The bytes of the answer."""
    client.say(kind, **fields)
    opcode, payload = client.frame()
    assert opcode == TEXT
    return payload


def live(node, host):
    return node.invite(host)[0]


def prompted(node, host):
    session_id, token = node.invite(host)
    with node.peer() as guest:
        guest.ask("pair_request", **node.request(session_id, token))
        host.hear("pair_prompt")
    return session_id


def approved(node, host):
    guest, session_id, _ = node.pair(host)
    guest.socket.close()
    return session_id


def ended(node, host):
    session_id, _ = node.invite(host)
    host.ask("close_session", session_id=session_id)
    return session_id


def of_host_away(node, host):
    with node.host(uuid="away", key="a" * 43) as away:
        return node.invite(away)[0]


def swept(node, host):
    session_id = ended(node, host)

    def is_gone():
        known = host.ask("list_sessions")["sessions"]
        return session_id not in [session["session_id"] for session in known]

    assert until(is_gone)
    return session_id


KINDS = {
    "pair_request": {"token": WRONG, "device_info": PHONE},
    "resume": {"resume_token": WRONG},
    "signal": {"data": 1},
    "refresh_ice": {},
    "close_session": {},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [live, prompted, approved, ended, of_host_away])
def test_a_stranger_hears_the_same_bytes_whatever_there_is(node, host, stranger, make, kind):
    hears_the_same(stranger, kind, make(node, host))


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_hears_the_same_bytes_after_the_sweep(limited, kind):
    node = limited("--sweep-interval", 0.1)
    with node.host() as host, node.peer() as stranger:
        hears_the_same(stranger, kind, swept(node, host))


def hears_the_same(stranger, kind, session_id):
    to_none = answer(stranger, kind, session_id=UNKNOWN, **KINDS[kind])
    to_one = answer(stranger, kind, session_id=session_id, **KINDS[kind])
    assert to_one == to_none.replace(UNKNOWN.encode(), session_id.encode())


@pytest.mark.parametrize("kind", ["renew_link", "pair_decision", "close_session", "signal"])
@pytest.mark.parametrize("make", [live, prompted, approved, ended])
def test_another_owner_hears_the_same_bytes_whatever_there_is(node, host, make, kind):
    session_id = make(node, host)
    fields = {"pair_decision": {"approve": True}, "signal": {"data": 1}}.get(kind, {})
    with node.host(key="o" * 43) as other:
        to_none = answer(other, kind, session_id=UNKNOWN, **fields)
        to_one = answer(other, kind, session_id=session_id, **fields)
        assert other.ask("list_sessions")["sessions"] == []
    assert to_one == to_none.replace(UNKNOWN.encode(), session_id.encode())


def test_the_time_that_an_answer_takes_tells_nothing(node, host, stranger):
    times = {name: [] for name in ("none", "live", "ended")}
    ids = {"none": UNKNOWN, "live": live(node, host), "ended": ended(node, host)}
    for _ in range(60):
        for name, session_id in ids.items():
            with Stopwatch(node) as watch:
                answer(stranger, "resume", session_id=session_id, resume_token=WRONG)
            times[name].append(watch.seconds)
        time.sleep(0.02)  # No faster than a client may be.
    medians = [statistics.median(each) for each in times.values()]
    assert max(medians) - min(medians) < 0.005


def test_a_link_lets_one_in_however_many_try_at_once(node, host):
    session_id, token = node.invite(host)
    guests = [node.peer() for _ in range(20)]
    heard = []

    def try_it(guest):
        heard.append(guest.ask("pair_request", **node.request(session_id, token)))

    threads = [threading.Thread(target=try_it, args=(guest,)) for guest in guests]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    kinds = [each.get("code", each["type"]) for each in heard]
    assert sorted(kinds) == ["pair_pending"] + ["token_used"] * 19
    host.hear("pair_prompt")
    host.hear("contested")
    assert host.pings(), "the host is asked once, and told of the others once"
    for guest in guests:
        guest.socket.close()


def test_guessing_burns_no_code(node, host):
    session_id, token = node.invite(host)
    for _ in range(5):
        with node.peer() as guesser:
            refusal = guesser.refused("pair_request", **node.request(session_id, WRONG))
            assert refusal == "unknown_session"
    with node.peer() as guest:
        pending = guest.ask("pair_request", **node.request(session_id, token))
        assert pending["type"] == "pair_pending"


def test_nothing_crosses_before_a_person_has_said_yes(node, host):
    session_id, token = node.invite(host)
    with node.peer() as guest:
        guest.ask("pair_request", **node.request(session_id, token))
        for kind, fields in (("signal", {"data": "early"}), ("refresh_ice", {})):
            assert guest.refused(kind, session_id=session_id, **fields) == "not_approved"
        assert host.hear()["type"] == "pair_prompt"
        assert host.refused("signal", session_id=session_id, data="early") == "not_approved"
        assert host.pings()
        assert guest.pings()


@pytest.mark.parametrize("kind", ["pair_decision", "renew_link"])
def test_a_guest_decides_nothing(node, host, kind):
    session_id, token = node.invite(host)
    fields = {"approve": True} if kind == "pair_decision" else {}
    with node.peer() as guest:
        guest.ask("pair_request", **node.request(session_id, token))
        assert guest.refused(kind, session_id=session_id, **fields) == "not_allowed"
        guest.ask("register", uuid="desk", key="o" * 43)
        assert guest.refused(kind, session_id=session_id, **fields) == "not_allowed"
        assert guest.refused("close_session", session_id=session_id) == "not_allowed"
        assert host.hear()["type"] == "pair_prompt"
        assert host.pings()


def test_nobody_is_both_sides(node, host):
    session_id, token = node.invite(host)
    asked = node.request(session_id, token)
    assert host.refused("pair_request", **asked) == "not_allowed"
    guest, session_id, _ = node.pair(host)
    (session,) = [
        each for each in host.ask("list_sessions")["sessions"] if each["session_id"] == session_id
    ]
    with guest:
        # Who has the owner's key and is the guest still has one seat.
        taken = guest.ask("register", uuid=session["uuid"], key=KEY, seats=[session_id])
        assert taken["type"] == "registered"
        assert guest.refused("pair_decision", session_id=session_id, approve=True) == "not_allowed"


def test_a_decision_cannot_be_changed(node, host):
    session_id, token = node.invite(host)
    with node.peer() as guest:
        guest.ask("pair_request", **node.request(session_id, token))
        host.hear("pair_prompt")
        host.say("pair_decision", session_id=session_id, approve=False)
        assert guest.hear("pair_result")["status"] == "rejected"
        assert guest.hear("session_ended")["reason"] == "rejected"
        host.hear("session_ended")
        host.say("pair_decision", session_id=session_id, approve=True)
        assert host.hear()["code"] == "already_decided"
        assert guest.pings()


def test_an_earlier_link_is_void_once_renewed(node, host, stranger):
    session_id, token = node.invite(host)
    assert host.ask("renew_link", session_id=session_id)["type"] == "link_renewed"
    refusal = stranger.refused("pair_request", **node.request(session_id, token))
    assert refusal == "unknown_session"


def test_the_key_is_needed_and_not_the_uuid_alone(node, host):
    session_id, _ = node.invite(host)
    with node.host(key="o" * 43) as other:
        assert other.ask("list_sessions")["sessions"] == []
        assert other.refused("close_session", session_id=session_id) == "unknown_session"
    assert host.pings(), "and nobody was replaced"


def test_a_guest_who_vanishes_leaves_a_prompt_that_can_be_declined(node, host):
    session_id, token = node.invite(host)
    guest = node.peer()
    guest.ask("pair_request", **node.request(session_id, token))
    guest.reset()
    host.hear("pair_prompt")
    host.say("pair_decision", session_id=session_id, approve=False)
    assert host.hear("pair_result")["status"] == "rejected"
    assert host.hear()["type"] == "session_ended"


@pytest.mark.full("real time")
@pytest.mark.real_time
def test_who_introduces_itself_to_nobody_is_closed_with_4002(node):
    with node.peer() as idle:
        began = time.monotonic()
        assert idle.hear_out() == 4002
        assert time.monotonic() - began > 9

"""What people behind one address may do to each other: in a school, at a mobile carrier."""

import pytest

from tests.attacks.raw import head
from tests.attacks.target import KEY, refusal, status

WRONG = "w" * 43
LOOPBACK = "--limit-loopback"


def reported(target, address, uuid="desk"):
    """A host of that address, as a proxy tells."""
    client = target.raw()
    client.upgrade(head(X_Forwarded_For=address))
    assert client.hear()["type"] == "welcome"
    client.ask("register", uuid=uuid, key=KEY)
    return client


def denies(target, host):
    """Have a guest ask, and the host deny it."""
    session_id, token = target.invite(host)
    with target.peer() as guest:
        asked = guest.ask("pair_request", **target.request(session_id, token))
        if asked["type"] != "pair_pending":
            return asked["code"]
        host.hear("pair_prompt")
        host.say("pair_decision", session_id=session_id, approve=False)
        host.hear("session_ended")
        return "pair_pending"


def test_neighbour_who_guesses_wrong_does_not_lock_right_tokens_out(limited):
    target = limited(LOOPBACK, "--guesses-per-address", 3, "--restart-time", 0)
    with target.host() as host:
        guest, session_id, resume_token = target.pair(host)
        guest.socket.close()
        host.hear("peer_offline")
        link = target.invite(host)
        for each in (session_id, link[0]):
            with target.peer() as neighbour:
                fields = {"session_id": each, "resume_token": WRONG}
                codes = [neighbour.refused("resume", **fields) for _ in range(5)]
                assert codes == ["unknown_session"] * 3 + ["rate_limited"] * 2
        with target.peer() as back:
            resumed = back.ask("resume", session_id=session_id, resume_token=resume_token)
            assert resumed["type"] == "resumed"
        with target.peer() as newcomer:
            asked = newcomer.ask("pair_request", **target.request(*link))
            assert asked["type"] == "pair_pending"


def test_neighbour_whose_session_is_gone_delays_nobody_else(limited):
    target = limited(LOOPBACK, "--guesses-per-address", 3)
    for number in range(20):
        with target.peer() as pupil:
            fields = {"session_id": f"gone-{number}", "resume_token": WRONG}
            assert pupil.refused("resume", **fields) == "unknown_session"


def test_neighbour_denied_by_one_host_keeps_nobody_from_another(limited):
    target = limited(LOOPBACK, "--denials-per-address", 2)
    with target.host() as host, target.host(uuid="another", key="o" * 43) as other:
        assert [denies(target, host) for _ in range(3)] == ["pair_pending"] * 2 + ["rate_limited"]
        assert denies(target, other) == "pair_pending"


@pytest.mark.parametrize(
    ("token", "options", "last"),
    [("t" * 22, [LOOPBACK], "rate_limited"), ("short", [], "access_denied")],
    ids=["long", "short"],
)
def test_wrong_access_tokens_from_this_machine_do_not_lock_its_owner_out(
    limited, token, options, last
):
    target = limited(*options, "--guesses-per-address", 2, "--access-token", token)
    for wanted in ("access_denied", "access_denied", last):
        with target.peer() as program:
            assert program.refused("register", uuid="desk", access_token="no") == wanted
    with target.peer() as owner:
        registered = owner.ask("register", uuid="desk", key=KEY, access_token=token)
        assert registered["type"] == "registered"


def test_neighbour_who_takes_all_connections_of_an_address_cuts_nobody_off(limited):
    target = limited(LOOPBACK, "--connections-per-address", 4)
    with target.host() as host:
        guest, session_id, _ = target.pair(host)
        with guest, target.peer(), target.peer():
            assert status(target, head()) == 503
            guest.say("signal", session_id=session_id, data="on")
            assert host.hear("signal")["data"] == "on"


def test_neighbour_who_opens_all_sessions_of_an_address_keeps_nobody_from_pairing(limited):
    target = limited(LOOPBACK, "--sessions-per-address", 3)
    with target.host() as host, target.host(uuid="neighbour", key="n" * 43) as neighbour:
        invitation = target.invite(host)
        for _ in range(2):
            target.invite(neighbour)
        refused = refusal(host, "create_session", session_type="persistent")
        assert refused["code"] == "limit_reached"
        with target.peer() as guest:
            asked = guest.ask("pair_request", **target.request(*invitation))
            assert asked["type"] == "pair_pending"


def test_phone_gets_in_after_its_neighbours_at_a_carrier_took_much(limited):
    target = limited("--sessions-per-address", 3, "--trusted-proxy", "127.0.0.1")
    for number in range(4):
        with reported(target, f"2001:db8:1:1{number:02x}::1", f"phone-{number}") as phone:
            for _ in range(3 if number < 3 else 2):
                target.invite(phone)
            # Eleven of the twelve that the /56 may have are taken by the fourth.
            if number == 3:
                refused = refusal(phone, "create_session", session_type="persistent")
                assert refused["code"] == "limit_reached"
    with reported(target, "2001:db8:1:1ff::1", "another") as other:
        target.invite(other)


def test_client_that_fills_the_node_leaves_room_for_a_stranger(limited):
    target = limited(
        *(LOOPBACK, "--max-sessions", 20, "--sessions-per-owner", 0),
        *("--trusted-proxy", "127.0.0.1"),
    )
    with reported(target, "198.51.100.1") as greedy, reported(target, "198.51.100.2") as stranger:
        for _ in range(18):
            target.invite(greedy)
        refused = refusal(greedy, "create_session", session_type="persistent")
        assert refused["code"] == "limit_reached"
        target.invite(stranger)


def test_client_on_this_machine_that_fills_the_node_leaves_room_for_a_stranger(limited):
    target = limited("--max-connections", 10, "--trusted-proxy", "127.0.0.1")
    here = {"X_Forwarded_For": "127.0.0.2"}
    crowd = [reported(target, "127.0.0.2") for _ in range(9)]
    assert status(target, head(**here)) == 503
    with reported(target, "198.51.100.1") as stranger:
        assert stranger.pings()
    for each in crowd:
        each.socket.close()


def test_network_that_opens_many_connections_leaves_the_node_to_others(limited):
    target = limited("--connections-per-address", 2, "--trusted-proxy", "127.0.0.1")
    crowd = [reported(target, f"2001:db8:1:1{number:02x}::1") for number in range(8)]
    assert status(target, head(X_Forwarded_For="2001:db8:1:1ff::1")) == 503
    with reported(target, "2001:db8:2::1") as stranger:
        assert stranger.pings()
    for each in crowd:
        each.socket.close()

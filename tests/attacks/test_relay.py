"""Relay and resume: nobody hears what is not theirs, nobody takes a seat that is not theirs."""

import json

import pytest

from tests.attacks.raw import TEXT, frame
from tests.attacks.target import until

WRONG = "w" * 43


@pytest.fixture
def couple(node):
    """A host and its guest, the session and the guest's resume token; closed at the end."""
    with node.host() as host:
        guest, session_id, resume = node.pair(host)
        with guest:
            yield host, guest, session_id, resume
            # By another connection: the case may have closed this one.
            with node.host() as owner:
                owner.say("close_session", session_id=session_id)
                assert until(lambda: node.process.poll() is None)


def told(client):
    """The types of all that waits for a client."""
    client.say("ping", ref="end")
    kinds = []
    while (message := client.hear()) != {"type": "pong", "ref": "end"}:
        kinds.append(message["type"])
    return kinds


STRANGE = [
    '"\\u0000\\u202e\\u001b[2J"',
    '{"type":"session_ended","session_id":"x","reason":"closed"}',
    "1e400",
    "-0",
    "123456789012345678901234567890",
    '{"a":1,"a":2}',
    " [ 1 ,\t2 ] ",
    '"\\/\\u00e9é"',
    "[]",
    "null",
]


@pytest.mark.parametrize("data", STRANGE)
def test_what_is_relayed_is_not_read_and_not_changed(couple, data):
    host, guest, session_id, _ = couple
    for sender, receiver in ((host, guest), (guest, host)):
        sender.text(f'{{"type":"signal","session_id":"{session_id}","ref":"r","data":{data}}}')
        opcode, payload = receiver.frame()
        assert opcode == TEXT
        expected = f'{{"type":"signal","session_id":"{session_id}","data":{data.strip()}}}'
        assert payload.decode().replace(" ", "") == expected.replace(" ", "")


def test_a_signal_reaches_the_peer_of_its_session_alone(node, couple):
    host, guest, session_id, _ = couple
    other, other_id, _ = node.pair(host)
    with other:
        guest.say("signal", session_id=session_id, data="mine")
        assert guest.refused("signal", session_id=other_id, data="yours") == "unknown_session"
        assert host.hear() == {"type": "signal", "session_id": session_id, "data": "mine"}
        host.say("signal", session_id=other_id, data="theirs")
        assert other.hear()["data"] == "theirs"
        assert told(guest) == told(host) == told(other) == []
        host.ask("close_session", session_id=other_id)


def test_a_sender_cannot_speak_in_anothers_name(couple):
    host, guest, session_id, _ = couple
    guest.text(
        json.dumps({
            "type": "signal", "session_id": session_id, "data": 1, "from": "host", "ref": "r",
            "seat": "host", "sender": "host",
        })
    )  # fmt: skip
    assert host.hear() == {"type": "signal", "session_id": session_id, "data": 1}


@pytest.mark.parametrize("token", ["", WRONG, "w" * 512, "\u0000", "é"])
def test_a_wrong_resume_token_takes_no_seat(node, couple, token):
    host, guest, session_id, resume = couple
    with node.peer() as thief:
        refusal = thief.refused("resume", session_id=session_id, resume_token=token)
        assert refusal == "unknown_session"
        assert thief.refused("signal", session_id=session_id, data=1) == "unknown_session"
    with node.peer() as thief:
        refusal = thief.refused("resume", session_id=session_id, resume_token=resume[:-1])
        assert refusal == "unknown_session"
    guest.say("signal", session_id=session_id, data="still here")
    assert host.hear("signal")["data"] == "still here"


def test_a_pairing_token_is_no_resume_token(node):
    with node.host() as host, node.peer() as guest, node.peer() as thief:
        session_id, token = node.invite(host)
        guest.ask("pair_request", **node.request(session_id, token))
        refusal = thief.refused("resume", session_id=session_id, resume_token=token)
        assert refusal == "unknown_session"
        host.say("close_session", session_id=session_id)
        guest.hear("session_ended")


def test_a_seat_that_changes_hands_a_hundred_times_is_one_seat(node, couple):
    host, guest, session_id, resume = couple
    for number in range(100):
        successor = node.peer()
        assert successor.ask("resume", session_id=session_id, resume_token=resume)["type"] == (
            "resumed"
        )
        assert guest.hear_out() == 4000
        guest.socket.close()
        guest = successor
        guest.say("signal", session_id=session_id, data=number)
        assert host.hear("signal")["data"] == number
    guest.socket.close()


def test_what_is_kept_for_an_absent_peer_is_bounded(node, couple):
    host, guest, session_id, resume = couple
    guest.reset()
    host.hear("peer_offline")
    for number in range(100):
        host.say("signal", session_id=session_id, data=number, ref=str(number))
    refused = [host.hear() for _ in range(36)]
    assert {each["code"] for each in refused} == {"peer_offline"}
    assert [each["ref"] for each in refused] == [str(number) for number in range(64, 100)]
    with node.peer() as back:
        assert back.ask("resume", session_id=session_id, resume_token=resume)["type"] == "resumed"
        assert [back.hear()["data"] for _ in range(64)] == list(range(64))


def test_after_the_end_nothing_crosses(couple):
    host, guest, session_id, _ = couple
    host.send(
        frame(TEXT, b'{"type":"close_session","session_id":"%s"}' % session_id.encode())
        + frame(TEXT, b'{"type":"signal","session_id":"%s","data":"late"}' % session_id.encode())
    )
    assert host.hear()["type"] == "session_ended"
    assert host.hear()["code"] in ("not_approved", "unknown_session")
    assert guest.hear()["type"] == "session_ended"
    assert told(guest) == []


@pytest.mark.parametrize("how", ["reset", "garbage", "half a frame"])
def test_the_peer_of_one_who_vanishes_is_told_and_goes_on(node, couple, how):
    host, guest, session_id, resume = couple
    if how == "garbage":
        guest.send(b"\xff" * 1000)
    if how == "half a frame":
        guest.send(frame(TEXT, b"x" * 1000)[:500])
    guest.reset()
    assert host.hear("peer_offline")["session_id"] == session_id
    with node.peer() as back:
        assert back.ask("resume", session_id=session_id, resume_token=resume)["host_online"]
        assert host.hear("peer_online")["session_id"] == session_id


def test_a_peer_that_does_not_read_is_closed_and_holds_up_nobody(node, couple):
    host, _, session_id, resume = couple
    # One that reads next to nothing, and is then sent far more than the kernel keeps for it.
    with node.peer(receive_buffer=4096) as slow:
        assert slow.ask("resume", session_id=session_id, resume_token=resume)["type"] == "resumed"
        assert host.hear("peer_online")["replaced"]
        filler = "x" * 60_000
        for _ in range(150):
            host.say("signal", session_id=session_id, data=filler)
        kinds = told(host)
        assert kinds[0] == "peer_offline"
        assert set(kinds[1:]) <= {"error"}, "what is not kept is refused"
        slow.socket.settimeout(1)
        assert slow.hear_out() in (4001, None)

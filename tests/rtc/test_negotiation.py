"""The decisions of the negotiation, alone and of two sides on a fake wire."""

from collections import deque
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxim.rtc.negotiation import (
    ATTRIBUTES,
    MAX_ATTRIBUTES,
    MAX_CANDIDATES,
    MAX_DESCRIPTIONS,
    MAX_MEDIA,
    MAX_STARTS,
    STARTS_TIME,
    Accept,
    AddCandidate,
    Answer,
    Complain,
    Connect,
    GiveUp,
    Negotiation,
    Send,
)


def sdp(kind, ufrag="u1", more=""):
    return {"type": kind, "sdp": f"v=0\na=ice-ufrag:{ufrag}\na=ice-pwd:p\n{more}"}


OFFER, ANSWER = sdp("offer"), sdp("answer")
CANDIDATE = {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}


def side(role):
    """Return a side whose connections are named as in ``h1``, ``h2``."""
    names = count(1)
    return Negotiation(role, lambda: f"{role[0]}{next(names)}")


def started(role):
    negotiation = side(role)
    effects = negotiation.start()
    if role == "host":
        effects += negotiation.described(OFFER)
    return negotiation, effects


def negotiated(role):
    """Return a side that has applied a description of the connection ``x1``."""
    negotiation, _ = started(role)
    negotiation.receive(
        {"from": "x1", "to": negotiation.name, "description": ANSWER if role == "host" else OFFER},
        0,
    )
    if role == "guest":
        negotiation.described(ANSWER)
    return negotiation


def test_host_offers_and_guest_says_hello():
    assert started("host")[1] == [
        Connect(offers=True),
        Send({"from": "h1", "description": OFFER}),
    ]
    assert started("guest")[1] == [Connect(offers=False), Send({"from": "g1"})]


def test_guest_answers_an_offer():
    guest, _ = started("guest")
    assert guest.receive({"from": "h1", "description": OFFER}, 0) == [Answer(OFFER)]
    assert guest.described(ANSWER) == [Send({"from": "g1", "to": "h1", "description": ANSWER})]


def test_host_applies_an_answer_once():
    host, _ = started("host")
    answer = {"from": "x1", "to": "h1", "description": ANSWER}
    assert host.receive(answer, 0) == [Accept(ANSWER)]
    assert host.receive(answer, 0) == []


@pytest.mark.parametrize("role", ["host", "guest"])
def test_new_name_after_a_description_starts_again(role):
    negotiation = negotiated(role)
    effects = negotiation.receive({"from": "x2"}, 0)
    assert effects[0] == Connect(offers=role == "host")
    assert negotiation.name == f"{role[0]}2"
    if role == "guest":
        assert effects[1:] == [Send({"from": "g2", "to": "x2"})]
    else:
        assert negotiation.described(OFFER) == [
            Send({"from": "h2", "to": "x2", "description": OFFER})
        ]


def test_new_name_before_a_description_gets_the_offer_again():
    host, _ = started("host")
    assert host.receive({"from": "x1"}, 0) == []
    again = Send({"from": "h1", "to": "x2", "description": OFFER})
    assert host.receive({"from": "x2"}, 0) == [again]


def test_guest_with_a_new_name_and_an_offer_starts_again_and_answers():
    guest = negotiated("guest")
    effects = guest.receive({"from": "x2", "description": OFFER}, 0)
    hello = Send({"from": "g2", "to": "x2"})
    assert effects == [Connect(offers=False), hello, Answer(OFFER)]


@pytest.mark.parametrize("role", ["host", "guest"])
def test_ice_restart_is_answered_by_a_new_connection(role):
    negotiation = negotiated(role)
    restart = {"from": "x1", "to": negotiation.name, "description": sdp("offer", "u2")}
    effects = negotiation.receive(restart, 0)
    assert effects[0] == Connect(offers=role == "host")
    # Without `to`: the other side may have a new name by now.
    if role == "guest":
        assert effects[1:] == [Send({"from": "g2"})]
    else:
        assert negotiation.described(OFFER) == [Send({"from": "h2", "description": OFFER})]


@pytest.mark.parametrize("role", ["host", "guest"])
def test_offer_without_an_ice_restart_is_answered_in_place(role):
    negotiation = negotiated(role)
    more = sdp("offer", more="m=audio\n")
    offer = {"from": "x1", "to": negotiation.name, "description": more}
    assert negotiation.receive(offer, 0) == [Answer(more)]


def test_repeated_offer_gets_the_same_answer():
    guest = negotiated("guest")
    offer = {"from": "x1", "to": "g1", "description": OFFER}
    again = Send({"from": "g1", "to": "x1", "description": ANSWER})
    assert guest.receive(offer, 0) == [again]


def test_host_ignores_an_offer_beside_its_own_and_its_candidates():
    host, _ = started("host")
    assert host.receive({"from": "x1", "description": OFFER}, 0) == []
    assert host.receive({"from": "x1", "candidate": CANDIDATE}, 0) == []
    assert host.receive({"from": "x1", "to": "h1", "description": ANSWER}, 0) == [Accept(ANSWER)]
    added = [AddCandidate(CANDIDATE)]
    # Those of an offer are over with the answer.
    assert host.receive({"from": "x1", "to": "h1", "candidate": CANDIDATE}, 0) == added


@pytest.mark.parametrize(
    "rtc",
    [
        {"from": "x1", "to": "other", "description": OFFER},
        {"from": "", "description": OFFER},
        {"from": 7},
        {"from": "x" * 65},
        {"to": "g1", "description": OFFER},
        {},
    ],
)
def test_signal_for_another_connection_or_without_a_name_is_dropped(rtc):
    guest, _ = started("guest")
    assert guest.receive(rtc, 0) == []


@pytest.mark.parametrize(
    "description", [7, "offer", {}, {"type": "offer"}, {"type": "rollback", "sdp": "v=0"}]
)
def test_something_else_than_a_description_is_dropped(description):
    guest, _ = started("guest")
    assert guest.receive({"from": "x1", "description": description}, 0) == []


def test_unavailable_gives_up_until_the_other_side_starts():
    host, _ = started("host")
    assert host.receive({"unavailable": True}, 0) == [GiveUp()]
    host.stop()
    assert host.receive({"from": "x1"}, 0) == [Connect(offers=True)]


def test_other_side_cannot_start_without_end():
    guest = negotiated("guest")
    for number in range(MAX_STARTS - 1):
        guest.receive({"from": f"y{number}", "description": OFFER}, 1.0)
    (complaint,) = guest.receive({"from": "y", "description": OFFER}, 1.0)
    assert isinstance(complaint, Complain)
    assert guest.receive({"from": "y", "description": OFFER}, STARTS_TIME + 1.0)


def test_other_side_cannot_restart_ice_without_end():
    guest = negotiated("guest")
    for number in range(MAX_STARTS + 1):
        restart = {"from": "x1", "description": sdp("offer", f"v{number}")}
        effects = guest.receive(restart, 1.0)
        guest.receive({"from": "x1", "to": guest.name, "description": OFFER}, 1.0)
    assert any(isinstance(each, Complain) for each in effects)


def test_candidates_are_bounded():
    guest = negotiated("guest")
    candidate = {"from": "x1", "to": "g1", "candidate": CANDIDATE}
    added = [guest.receive(candidate, 0) for _ in range(2 * MAX_CANDIDATES)]
    assert sum(map(len, added)) == MAX_CANDIDATES
    many = sdp("offer", "u9", "\na=candidate:1" * (MAX_CANDIDATES + 1))
    (complaint,) = guest.receive({"from": "x1", "to": "g1", "description": many}, 0)
    assert isinstance(complaint, Complain)


def test_repeat_sends_again_what_was_not_answered():
    host, _ = started("host")
    assert host.repeat() == [Send({"from": "h1", "description": OFFER})]
    guest, _ = started("guest")
    assert guest.repeat() == [Send({"from": "g1"})]
    assert negotiated("host").repeat() == negotiated("guest").repeat() == []
    assert side("host").repeat() == []


class Pair:
    """Two sides, the signals between them, and what each has applied of the other."""

    def __init__(self):
        self.numbers = count(1)
        self.sides, self.agreed = {}, {}
        self.wires = {"host": deque(), "guest": deque()}
        for role in self.wires:
            self.load(role)

    def load(self, role):
        """Start a side, or start it again without its memory, as after a reload."""
        self.sides[role] = Negotiation(role, lambda: f"{role[0]}{next(self.numbers)}")
        self.perform(role, self.sides[role].start())

    def perform(self, role, effects):
        side = self.sides[role]
        for effect in effects:
            match effect:
                case Connect(offers):
                    self.agreed[role] = None
                    if offers:
                        offer = sdp("offer", side.name)
                        self.perform(role, side.described(offer))
                case Send(rtc):
                    self.wires["guest" if role == "host" else "host"].append(rtc)
                case Answer(description):
                    self.agreed[role] = description["sdp"]
                    self.perform(role, side.described(sdp("answer", side.name)))
                case Accept(description):
                    self.agreed[role] = description["sdp"]
                case _:
                    raise AssertionError(effect)

    def deliver(self, role):
        if self.wires[role]:
            self.perform(role, self.sides[role].receive(self.wires[role].popleft(), 0))
            return True
        return False

    def settle(self):
        steps = 0
        while self.deliver("host") or self.deliver("guest"):
            steps += 1
            assert steps < 200, "they start again because of each other"

    @property
    def agree(self):
        """Whether each has applied the description of the other's present connection."""
        return all(
            self.agreed[role] is not None and f":{self.sides[other].name}\n" in self.agreed[role]
            for role, other in (("host", "guest"), ("guest", "host"))
        )


@settings(max_examples=500)
@given(
    st.lists(
        st.sampled_from(
            [
                *(("deliver", role) for role in ("host", "guest") for _ in range(3)),
                *(("load", role) for role in ("host", "guest")),
                *(("replace", role) for role in ("host", "guest")),
            ]
        ),
        max_size=30,
    )
)
def test_two_sides_agree_whatever_happens(events):
    pair = Pair()
    starts = 0
    for what, role in events:
        if what == "deliver":
            pair.deliver(role)
        elif starts < MAX_STARTS // 4:
            starts += 1
            if what == "load":
                pair.load(role)
            else:
                pair.perform(role, pair.sides[role].start())
    pair.settle()
    if not pair.agree:
        # A connection in vain ends by the host's timer.
        pair.perform("host", pair.sides["host"].start())
        pair.settle()
    assert pair.agree


def answered(more, role="host"):
    """Return the effects of a first description with more lines."""
    negotiation, _ = started(role)
    kind = "answer" if role == "host" else "offer"
    rtc = {"from": "x1", "to": negotiation.name, "description": sdp(kind, more=more)}
    return negotiation.receive(rtc, 0)


@pytest.mark.parametrize("size", [1, 65_535, -1])
@pytest.mark.parametrize("role", ["host", "guest"])
def test_side_that_accepts_only_small_messages_is_refused(role, size):
    assert answered(f"a=max-message-size:{size}\n", role) == [
        Complain("the other side accepts only messages under 65536 bytes")
    ]


@pytest.mark.parametrize("size", [0, 65_536, 262_144])
def test_side_that_accepts_usual_messages_is_not_refused(size):
    assert [type(each) for each in answered(f"a=max-message-size:{size}\n")] == [Accept]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\u2028"])
def test_media_of_a_description_are_bounded(end):
    line = f"m=audio 9 UDP/TLS/RTP/SAVPF 0{end}"
    assert [type(each) for each in answered(line * MAX_MEDIA)] == [Accept]
    assert answered(line * (MAX_MEDIA + 1)) == [Complain("the other side sends too many media")]


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b"])
def test_attributes_of_media_are_bounded(end):
    lines = [f"{kind}96 x{end}" for kind in ATTRIBUTES]
    most = "".join(lines * (MAX_ATTRIBUTES // len(lines)))
    assert [type(each) for each in answered(most)] == [Accept]
    complaint = Complain("the other side sends too many attributes of media")
    assert answered(most + "".join(lines)) == [complaint]
    # aiortc would make two million objects of these 57 KB.
    costly = f"a=rtpmap:96 H264/90000{end}" * 1150 + f"a=rtcp-fb:* x{end}" * 1900
    assert answered(costly) == [complaint]


def test_description_of_a_browser_with_several_cameras_is_not_refused():
    """The lines of Chromium 156 for two microphones and four cameras."""
    counts = {"a=extmap:": 52, "a=rtpmap:": 108, "a=rtcp-fb:": 202, "a=fmtp:": 84, "a=ssrc:": 20}
    lines = "".join(f"{kind}96 x\r\n" * count for kind, count in counts.items())
    assert [type(each) for each in answered("m=video\r\n" * 7 + lines)] == [Accept]


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b"])
def test_candidates_of_a_description_are_bounded(end):
    effects = answered(f"a=candidate:1{end}" * (MAX_CANDIDATES + 1))
    assert effects == [Complain("the other side sends too many candidates")]


def test_descriptions_of_a_minute_are_bounded():
    guest = negotiated("guest")
    rtc = {"from": "x1", "to": guest.name}
    for number in range(1, MAX_DESCRIPTIONS):
        offer = sdp("offer", more=f"a=x:{number}\n")
        assert guest.receive({**rtc, "description": offer}, 1) == [Answer(offer)]
    later = sdp("offer", more="a=x:later\n")
    assert guest.receive({**rtc, "description": later}, 1) == [
        Complain("the other side describes its connection too often")
    ]
    assert guest.receive({**rtc, "description": later}, STARTS_TIME + 1) == [Answer(later)]

"""What the guest checks (docs/reference/sealing.md)."""

import msgspec
import pytest

from proxim.protocol.tokens import encode
from proxim.sealing.box import seal_box
from proxim.sealing.guest import GuestState, SealedGuest
from proxim.sealing.host import SealedHost, new_link
from proxim.sealing.keys import new_pair
from tests.sealing.test_host import ID, TERMS, guest_of, new_host, prompted


def test_first_ack_counts():
    host = new_host()
    guest = guest_of(host)
    ack = host.take_prompt(guest.state.seal, 0).ack
    assert guest.take_ack(ack)
    code = guest.code
    for number in range(64):
        draw = lambda size, number=number: bytes([number]) * size  # noqa: E731
        other = seal_box(guest.state.secret, "ack", "h", new_pair(draw).public, draw)
        assert not guest.take_ack(encode(other))
    assert guest.code == code
    assert guest.take_ack(ack)


def test_ack_for_another_guest_does_not_open():
    host = new_host()
    guest, other = guest_of(host), guest_of(host)
    assert not other.take_ack(host.take_prompt(guest.state.seal, 0).ack)
    assert other.code is None


@pytest.mark.parametrize(("yes", "is_approved"), [(False, True), (True, False), (False, False)])
def test_guest_is_approved_only_if_host_and_node_say_so(yes, is_approved):
    host, guest = prompted()
    decision = host.approve(guest.code, TERMS) if yes else host.decline(TERMS)
    answer = guest.take_answer(decision.seal, is_approved=is_approved)
    assert (answer.approved, answer.terms) == (yes, TERMS)
    assert guest.peer is None


@pytest.mark.parametrize("seal", [None, "", "AAAA"])
def test_approval_by_the_node_alone_is_none(seal):
    _, guest = prompted()
    assert guest.take_answer(seal, is_approved=True) is None
    assert guest.peer is None


def test_guest_goes_on_after_a_reload():
    host, guest = prompted()
    kept = msgspec.json.decode(msgspec.json.encode(guest.state), type=GuestState)
    again = SealedGuest.restore(kept)
    assert again.code == guest.code
    again.take_answer(host.approve(guest.code, TERMS).seal, is_approved=True)
    sealed = msgspec.json.encode(host.peer.seal(b'"hello"'))
    assert again.peer.receive(sealed, 0).data == msgspec.Raw(b'"hello"')
    # Another program that has the same key may seal in this epoch.
    assert not again.peer.is_ready
    with pytest.raises(ValueError, match="not agreed"):
        again.peer.seal(b'"too early"')
    hello = host.peer.receive(msgspec.json.encode(again.peer.start()), 0).send
    echo = again.peer.receive(msgspec.json.encode(hello), 0).send
    host.peer.receive(msgspec.json.encode(echo), 0)
    sealed = msgspec.json.encode(again.peer.seal(b'"back"'))
    assert host.peer.receive(sealed, 0).data == msgspec.Raw(b'"back"')


def test_guest_that_missed_the_ack_agrees_by_hellos():
    host = new_host()
    guest = guest_of(host)
    host.take_prompt(guest.state.seal, 0)
    guest.take_answer(host.approve_unchecked(TERMS).seal, is_approved=True)
    assert not guest.peer.is_ready
    hello = host.peer.receive(msgspec.json.encode(guest.peer.start()), 0).send
    guest.peer.receive(msgspec.json.encode(hello), 0)
    assert guest.peer.is_ready


def test_name_is_normalised_on_its_way():
    host = new_host()
    guest = guest_of(host, "Zoe\u0308")
    assert host.take_prompt(guest.state.seal, 0).name == "Zo\xeb"


def test_longest_names_fit():
    for name in ("📱" * 64, '"' * 64, "\\" * 64):
        host = new_host()
        assert host.take_prompt(guest_of(host, name).state.seal, 0).name == name


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\u202eb", "\ud800"])
def test_name_that_is_not_allowed_is_not_sent(name):
    with pytest.raises(ValueError, match="the name has"):
        guest_of(new_host(), name)


def test_key_that_is_none_is_refused_before_anything_is_sent():
    link = SealedHost(ID, new_link()).link("https://node.example")
    with pytest.raises(ValueError, match="key"):
        SealedGuest.ask(link._replace(host_key=bytes(32)), "Phone")

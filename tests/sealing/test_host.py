"""What the host checks (docs/reference/sealing.md)."""

import msgspec
import pytest

from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Terms
from proxim.sealing.guest import SealedGuest, return_seal
from proxim.sealing.host import HostState, Refused, Returned, SealedHost, Unknown, new_link
from proxim.sealing.peer import SealedPeer

ID = "s" * 22
TERMS = Terms("Desk", SessionType.ONE_TIME, None)


def new_host():
    return SealedHost(ID, new_link())


def guest_of(host, name="Phone"):
    return SealedGuest.ask(host.link("https://node.example"), name)


def prompted():
    """Return a host and a guest, which shows its number."""
    host = new_host()
    guest = guest_of(host)
    assert guest.take_ack(host.take_prompt(guest.state.seal, 0).ack)
    return host, guest


def test_same_request_is_the_same_prompt():
    host = new_host()
    guest = guest_of(host)
    asked = host.take_prompt(guest.state.seal, 0)
    assert (asked.name, asked.is_new) == ("Phone", True)
    assert host.take_prompt(guest.state.seal, 0) == asked._replace(is_new=False)


def test_host_opens_one_request():
    host = new_host()
    first, second = guest_of(host), guest_of(host)
    assert host.take_prompt(first.state.seal, 0).name == "Phone"
    assert host.take_prompt(second.state.seal, 0) is Refused.TAMPERED
    assert host.take_prompt(None, 0) is Refused.TAMPERED
    with pytest.raises(ValueError, match="no link"):
        host.link("https://node.example")


def test_request_without_a_seal_is_tampered():
    assert new_host().take_prompt(None, 0) is Refused.TAMPERED


def test_request_for_another_session_does_not_open():
    keys = new_link()
    guest = guest_of(SealedHost(ID, keys))
    assert SealedHost("t" * 22, keys).take_prompt(guest.state.seal, 0) is Refused.DOES_NOT_OPEN


def guest_by(keys):
    return guest_of(SealedHost(ID, keys))


def test_until_a_renewal_is_confirmed_each_link_is_good():
    for chosen in range(3):
        host = new_host()
        shown = host.link("https://node.example")
        guests = [guest_of(host), guest_by(host.renew()), guest_by(host.renew())]
        assert host.link("https://node.example") == shown
        assert host.take_prompt(guests[chosen].state.seal, 0).name == "Phone"
        assert host.take_prompt(guests[chosen - 1].state.seal, 0) is Refused.TAMPERED


def test_confirmed_renewal_makes_the_links_before_worthless():
    host = new_host()
    guests = [guest_of(host)]
    lost, confirmed, waiting = (host.renew() for _ in range(3))
    host.renewed(confirmed)
    assert host.link("https://node.example").seed == confirmed.seed
    guests += [guest_by(lost), guest_by(confirmed)]
    for old in guests[:2]:
        assert host.take_prompt(old.state.seal, 0) is Refused.DOES_NOT_OPEN
    host.renewed(lost)
    host.renewed(waiting)
    assert host.take_prompt(guests[2].state.seal, 0) is Refused.DOES_NOT_OPEN
    assert host.take_prompt(guest_of(host).state.seal, 0).name == "Phone"
    host.renewed(waiting)


def test_program_without_the_keys_does_nothing():
    assert SealedHost(ID).take_prompt(guest_of(new_host()).state.seal, 0) == Unknown()
    assert SealedHost(ID).take_prompt(None, 0) == Unknown()


@pytest.mark.parametrize("code", ["", "12", "1234", "012", "1 2", "abc", "١٢٣", "123\n"])
def test_code_of_another_form_decides_nothing(code):
    host, guest = prompted()
    with pytest.raises(ValueError, match="three digits"):
        host.approve(code, TERMS)
    assert host.decision() is None
    assert host.approve(guest.code, TERMS).approve


def test_code_is_tried_once():
    host, guest = prompted()
    wrong = str(100 + (int(guest.code) + 1) % 900)
    decision = host.approve(wrong, TERMS)
    assert not decision.approve
    assert host.decision() == decision
    with pytest.raises(ValueError, match="no request"):
        host.approve(guest.code, TERMS)
    assert host.peer is None


def test_host_decides_only_about_a_request():
    host = new_host()
    for decide in (host.decline, host.approve_unchecked, lambda terms: host.approve("123", terms)):
        with pytest.raises(ValueError, match="no request"):
            decide(TERMS)


def test_host_may_approve_without_a_number():
    host, guest = prompted()
    decision = host.approve_unchecked(TERMS)
    assert decision.approve
    assert guest.take_answer(decision.seal, is_approved=True).approved
    assert guest.peer.secret == host.peer.secret


def test_host_name_that_is_not_allowed_is_an_error_before_the_decision():
    host, guest = prompted()
    for name in ("", "x" * 65, "a\u202eb"):
        with pytest.raises(ValueError, match="the name has"):
            host.approve(guest.code, TERMS._replace(name=name))
    assert host.approve(guest.code, TERMS).approve


def approved():
    host, guest = prompted()
    guest.take_answer(host.approve(guest.code, TERMS).seal, is_approved=True)
    return host, guest


def test_guest_that_comes_back_is_approved_without_a_question():
    host, guest = approved()
    again = SealedPeer("g", guest.peer.secret)
    seal = return_seal(again)
    returned = host.take_prompt(seal, 0)
    assert isinstance(returned, Returned)
    assert host.take_prompt(seal, 0) == returned


def test_guest_that_comes_back_keeps_its_name():
    host, guest = approved()
    host.take_prompt(return_seal(SealedPeer("g", guest.peer.secret)), 0)
    assert host.guest_name == "Phone"
    assert SealedHost.restore(ID, host.state).guest_name == "Phone"
    # Its first request is known, too.
    assert host.take_prompt(guest.state.seal, 0).name == "Phone"


def test_program_that_stored_the_secret_lets_its_guest_come_back():
    host, guest = approved()
    reloaded = SealedHost(ID, secret=host.peer.secret)
    assert isinstance(reloaded.take_prompt(return_seal(guest.peer), 0), Returned)
    stranger = SealedPeer("g", bytes(32))
    assert reloaded.take_prompt(return_seal(stranger), 0) is Refused.TAMPERED


def test_guest_that_was_never_approved_does_not_come_back():
    host, guest = prompted()
    peer = SealedPeer("g", guest.state.secret)
    assert host.take_prompt(return_seal(peer), 0) is Refused.TAMPERED


def test_photo_of_the_code_asks_nobody_after_the_approval():
    host = new_host()
    guest, photographer = guest_of(host), guest_of(host)
    guest.take_ack(host.take_prompt(guest.state.seal, 0).ack)
    host.approve(guest.code, TERMS)
    assert host.take_prompt(photographer.state.seal, 0) is Refused.TAMPERED


def later(host):
    """Return the host as a later program has it."""
    text = msgspec.json.encode(host.state)
    return SealedHost.restore(host.session_id, msgspec.json.decode(text, type=HostState))


def test_later_program_goes_on_at_any_point():
    host = later(new_host())
    assert later(host).link("https://node.example") == host.link("https://node.example")
    keys = host.renew()
    host = later(host)
    guest = guest_by(keys)
    asked = host.take_prompt(guest.state.seal, 0)
    host = later(host)
    assert not host.has_keys
    assert host.guest_name == "Phone"
    assert host.take_prompt(guest.state.seal, 0) == asked._replace(is_new=False)
    assert host.take_prompt(guest_of(new_host()).state.seal, 0) is Refused.TAMPERED
    guest.take_ack(asked.ack)
    decision = host.approve(guest.code, TERMS)
    host = later(host)
    assert host.decision() == decision
    with pytest.raises(ValueError, match="no request"):
        host.approve(guest.code, TERMS)
    assert guest.take_answer(decision.seal, is_approved=True).approved
    assert host.peer.secret == guest.peer.secret
    assert not host.peer.is_ready


def test_later_program_that_approves_seals_nothing_before_a_new_epoch():
    host, guest = prompted()
    host = later(host)
    guest.take_answer(host.approve(guest.code, TERMS).seal, is_approved=True)
    sealed = msgspec.json.encode(guest.peer.seal(b'"hello"'))
    assert host.peer.receive(sealed, 0).data == msgspec.Raw(b'"hello"')
    assert not host.peer.is_ready
    with pytest.raises(ValueError, match="not agreed"):
        host.peer.seal(b'"too early"')
    hello = guest.peer.receive(msgspec.json.encode(host.peer.start()), 0).send
    host.peer.receive(msgspec.json.encode(hello), 0)
    assert host.peer.is_ready


def test_later_program_of_a_wrong_number_does_not_try_again():
    host, guest = prompted()
    host.approve(str(100 + (int(guest.code) + 1) % 900), TERMS)
    host = later(host)
    assert (host.decision().approve, host.peer) == (False, None)
    with pytest.raises(ValueError, match="no request"):
        host.approve(guest.code, TERMS)

"""Sealed signals and new epochs, as the SDK sees them (docs/reference/sealing.md)."""

import msgspec
import pytest

from proxim.protocol.depth import MAX_DEPTH
from proxim.protocol.tokens import encode
from proxim.sealing import hpke
from proxim.sealing.box import seal_box
from proxim.sealing.epoch import MAX_COUNT, Epoch
from proxim.sealing.keys import KeyPair, new_pair
from proxim.sealing.peer import Notice, SealedPeer
from tests.sealing.fixed import fixed

SECRET = fixed("secret")
GUEST, HOST = (new_pair(lambda _, label=label: fixed(label)) for label in ("guest", "host"))


def fixed_bytes(size):
    return bytes(range(size))


def pair():
    guest, host = SealedPeer("g", SECRET), SealedPeer("h", SECRET)
    guest.adopt(GUEST, HOST.public)
    host.adopt(HOST, GUEST.public)
    return guest, host


def pass_on(data, receiver, now=0):
    return receiver.receive(msgspec.json.encode(data), now)


def test_peer_without_an_epoch_seals_nothing():
    peer = SealedPeer("g", SECRET)
    assert not peer.is_ready
    with pytest.raises(ValueError, match="not agreed"):
        peer.seal(b"1")


def test_peer_whose_key_waits_for_its_echo_seals_nothing():
    guest, host = pair()
    hello = pass_on(guest.start(), host).send
    for peer in (guest, host):
        with pytest.raises(ValueError, match="not agreed"):
            peer.seal(b"1")
    echo = pass_on(hello, guest).send
    assert guest.is_ready
    assert not host.is_ready
    pass_on(echo, host)
    assert host.is_ready


def test_what_was_sealed_before_a_reconnect_opens_until_the_new_epoch():
    guest, host = pair()
    before, later = guest.seal(b"1"), guest.seal(b"2")
    hello = host.start()
    assert pass_on(before, host).data == msgspec.Raw(b"1")
    pass_on(pass_on(hello, guest).send, host)
    assert pass_on(later, host) == (None, 0, Notice.BEFORE, None)


BAD_TEXTS = [
    b"",
    b"nul",
    b"\xff",
    b'"\xed\xa0\x80"',
    b'"\\ud800"',
    b"1 2",
    b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
    b"[" * 20_000 + b"]" * 20_000,
]


@pytest.mark.parametrize("text", BAD_TEXTS, ids=lambda text: repr(text[:12]))
def test_text_that_a_node_would_not_relay_is_dropped(text):
    guest, host = pair()
    assert pass_on(guest.seal(text), host) == (None, 0, Notice.TAMPERED, None)
    deep = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert pass_on(guest.seal(deep), host).data == msgspec.Raw(deep)


def test_hello_with_a_key_that_shares_nothing_changes_nothing():
    guest, host = pair()
    hello = pass_on(guest.start(), host).send
    echo = pass_on(hello, guest).send
    box = seal_box(SECRET, "hello", "g", bytes(32) + host._machine.out.public, fixed_bytes)
    forged = {"s": 1, "h": encode(box)}
    assert pass_on(forged, host).notice is Notice.TAMPERED
    pass_on(echo, host)
    assert host.is_ready


def test_numbers_of_an_epoch_end():
    epoch = Epoch("g", SECRET, GUEST, HOST.public)
    epoch.sent = MAX_COUNT - 1
    assert epoch.seal(b"1")[0] == MAX_COUNT - 1
    with pytest.raises(OverflowError):
        epoch.seal(b"1")


def test_epoch_of_a_key_pair_has_two_keys():
    guest = Epoch("g", SECRET, GUEST, HOST.public)
    host = Epoch("h", SECRET, HOST, GUEST.public)
    assert guest.id == host.id
    assert guest.seal(b"1")[1] != host.seal(b"1")[1]
    assert Epoch("g", fixed("other"), GUEST, HOST.public).id != guest.id


@pytest.mark.parametrize("psk", [b"", b"x" * 31])
def test_short_key_is_refused_instead_of_a_mode_without_one(psk):
    pair = KeyPair(fixed("guest"), GUEST.public)
    with pytest.raises(ValueError, match="32 bytes"):
        hpke.seal(pair.public, psk, b"id", "s" * 22, lambda _: b"text", fixed_bytes)
    with pytest.raises(ValueError, match="32 bytes"):
        hpke.unseal(pair.private, psk, b"id", "s" * 22, pair.public, b"text")

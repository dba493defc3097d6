"""Known devices: the vectors, by the Python SDK and by the decoder (sealing: Known devices)."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from proxim.sealing.answer import Gone, open_answer, read_gone, seal_answer
from proxim.sealing.ask import open_ask, seal_ask
from proxim.sealing.device import Grant, new_device_key
from proxim.sealing.encoding import DoesNotOpen, decode
from proxim.sealing.guest import SealedGuest
from tests.sealing import decoder, known_vectors
from tests.sealing.fixed import fixed
from tests.sealing.known_vectors import DEVICE, GUEST_KEY, LINK, NEXT_TICKET, TERMS, TICKET

VECTORS = json.loads(known_vectors.PATH.read_text(encoding="utf-8"))
SECRET = bytes.fromhex(VECTORS["first_request"]["S"])
REQUESTS = [VECTORS["first_request"], VECTORS["visit"]]


def shut(kind):
    texts = VECTORS["does_not_open"][kind]
    return pytest.mark.parametrize("text", texts.values(), ids=texts)


def opened(seal):
    private = bytes.fromhex(VECTORS["link"]["host_private"])
    return open_ask(decode(seal), LINK.session_id, LINK.seed, private)


def test_vectors_are_what_the_sdk_makes():
    assert known_vectors.PATH.read_text(encoding="utf-8") == known_vectors.text(), (
        "run `make vectors`"
    )


@pytest.mark.parametrize("request_", REQUESTS, ids=["first", "visit"])
def test_decoder_verifies_the_signature_of_a_request(request_):
    private = bytes.fromhex(VECTORS["link"]["host_private"])
    ask, secret = decoder.open_request(request_["seal"], LINK.session_id, LINK.seed, private)
    assert secret.hex() == request_["S"]
    dk, signature = decoder.unb64(ask["dk"], 32), decoder.unb64(ask["sig"], 64)
    assert (dk.hex(), signature.hex()) == (VECTORS["device"]["dk"], request_["signature"])
    ticket = decoder.unb64(ask["t"], 16) if "t" in ask else b""
    assert ticket.hex() == (request_["ticket"] or "")
    signed = decoder.info(
        b"proxim seal 1",
        b"device",
        LINK.session_id.encode(),
        VECTORS["link"]["psk_id"].encode(),
        LINK.host_key,
        bytes.fromhex(request_["enc"]),
        bytes.fromhex(VECTORS["k_g"]),
        dk,
        ticket,
    )
    assert signed.hex() == request_["signed"]
    Ed25519PublicKey.from_public_bytes(dk).verify(signature, signed)


@pytest.mark.parametrize("name", ["grant", "next_ticket", "gone"])
def test_decoder_opens_the_answer(name):
    answer = VECTORS[name]
    assert decoder.open_answer(answer["seal"], SECRET) == answer["json"]


def test_answer_brings_the_grant_or_the_next_ticket():
    grant = Grant(LINK.session_id, LINK.seed, LINK.host_key, TICKET, 7776000, True)
    for name, known in (("grant", grant), ("next_ticket", NEXT_TICKET)):
        answer = open_answer(SECRET, decode(VECTORS[name]["seal"]))
        assert answer == (True, TERMS, known, None)


def test_rejection_says_that_the_host_does_not_know_the_device_any_more():
    answer = open_answer(SECRET, decode(VECTORS["gone"]["seal"]))
    assert answer == (False, TERMS, None, Gone.COPIED)
    assert (read_gone("expired"), read_gone("later")) == (Gone.EXPIRED, Gone.FORGOTTEN)


def test_request_without_a_device_has_no_visitor():
    guest = SealedGuest.ask(LINK, "Phone")
    assert opened(guest.state.seal).visitor is None


def test_guest_with_a_device_key_signs_each_request():
    device = new_device_key(lambda _: fixed("a device"))
    guest = SealedGuest.ask(LINK, "Phone", device=device, ticket=TICKET)
    assert opened(guest.state.seal).visitor == (device.public, TICKET)


def test_longest_name_fits_beside_the_device():
    seal, _ = seal_ask(LINK, "📱" * 64, GUEST_KEY, fixed_draw, device=DEVICE, ticket=TICKET)
    assert opened(seal).name == "📱" * 64


def fixed_draw(_size):
    return fixed("any")


@shut("requests")
def test_request_of_a_device_that_did_not_sign_it_does_not_open(text):
    with pytest.raises(DoesNotOpen):
        opened(text)


@shut("answers")
def test_answer_with_a_wrong_grant_or_ticket_does_not_open(text):
    with pytest.raises(DoesNotOpen):
        open_answer(SECRET, decode(text))


def test_ticket_without_a_device_is_refused():
    for device, ticket in ((None, TICKET), (DEVICE, TICKET[1:])):
        with pytest.raises(ValueError, match="16 bytes"):
            seal_ask(LINK, "Phone", GUEST_KEY, fixed_draw, device=device, ticket=ticket)


@pytest.mark.parametrize(
    ("is_approved", "known", "reason"),
    [
        (False, TICKET, "only an approval"),
        (True, TICKET[1:], "16 bytes"),
        (True, Grant("s" * 22, b"", LINK.host_key, TICKET, 1, False), "32 bytes"),
    ],
)
def test_answer_with_a_wrong_grant_is_not_sealed(is_approved, known, reason):
    with pytest.raises(ValueError, match=reason):
        seal_answer(SECRET, is_approved, TERMS, fixed_draw, known)


def test_approval_that_says_the_device_is_gone_is_not_sealed():
    with pytest.raises(ValueError, match="only a rejection"):
        seal_answer(SECRET, True, TERMS, fixed_draw, gone=Gone.COPIED)

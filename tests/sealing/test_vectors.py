"""The vectors of the reference page, by the Python SDK and by the decoder."""

import json

import pytest
from msgspec import json as msgjson

from proxim.protocol.errors import InvalidLink
from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Answer, Terms
from proxim.sealing.guest import GuestState, SealedGuest
from proxim.sealing.host import LinkKeys, Refused, SealedHost
from proxim.sealing.hpke import SUITE
from proxim.sealing.link import is_sealed, parse_sealed_link
from proxim.sealing.peer import Notice, SealedPeer
from tests.sealing import decoder, vectors

VECTORS = json.loads(vectors.PATH.read_text(encoding="utf-8"))
LINK, REQUEST, ACK = VECTORS["link"], VECTORS["request"], VECTORS["ack"]
RFC = VECTORS["rfc9180"]
SECRET = bytes.fromhex(REQUEST["S"])


def raw(text):
    return bytes.fromhex(text)


def shut(kind):
    texts = VECTORS["does_not_open"][kind]
    return pytest.mark.parametrize("text", texts.values(), ids=texts)


def host():
    return SealedHost(LINK["session_id"], LinkKeys(raw(LINK["seed"]), raw(LINK["host_private"])))


def guest():
    private = raw(REQUEST["guest_private"])
    return SealedGuest(GuestState(LINK["token"], REQUEST["seal"], SECRET, private))


def test_vectors_are_what_the_sdk_makes():
    assert vectors.PATH.read_text(encoding="utf-8") == vectors.text(), "run `make vectors`"


# -- the decoder, which was written from the page alone -----------------------------------------


def test_decoder_reads_the_link():
    base, session_id, seed, host_key = decoder.read_link(LINK["text"])
    assert (base, session_id) == ("https://node.example", LINK["session_id"])
    assert (seed.hex(), host_key.hex()) == (LINK["seed"], LINK["host_key"])
    assert decoder.public_of(raw(LINK["host_private"])) == host_key
    assert decoder.token_of(seed) == LINK["token"]
    assert decoder.token_hash_of(seed) == LINK["token_hash"]
    assert decoder.kdf(seed, "psk").hex() == LINK["psk"]


def test_decoder_opens_the_request_the_ack_and_the_answer():
    seed, private = raw(LINK["seed"]), raw(LINK["host_private"])
    ask, secret = decoder.open_request(REQUEST["seal"], LINK["session_id"], seed, private)
    assert ask == {"v": 1, "name": REQUEST["name"], "k": decoder.b64(raw(REQUEST["k_g"]))}
    assert secret == SECRET
    assert decoder.open_ack(ACK["seal"], secret) == (raw(ACK["k_h"]), ACK["code"])
    assert decoder.unb64(ACK["seal"])[:32].hex() == ACK["salt"]
    assert decoder.open_answer(VECTORS["answer"]["seal"], secret) == VECTORS["answer"]["json"]


def open_signals(epoch, signals):
    for each in signals:
        assert epoch.open(each["data"], each["from"]) == json.loads(each["text"])


def test_decoder_opens_the_signals_of_epoch_0_by_the_key_of_either_side():
    guest_key, host_key = raw(REQUEST["guest_private"]), raw(ACK["host_private"])
    for private, other, role in ((guest_key, host_key, "g"), (host_key, guest_key, "h")):
        epoch = decoder.Epoch(SECRET, private, decoder.public_of(other), role)
        assert epoch.id == VECTORS["epoch_0"]["id"]
        open_signals(epoch, VECTORS["epoch_0"]["signals"])


def test_decoder_opens_the_hellos_of_a_reload():
    again = VECTORS["reload"]
    own, other = (decoder.public_of(raw(again[f"{side}_private"])) for side in ("guest", "host"))
    hellos = [decoder.open_hello(each["data"], SECRET, each["from"]) for each in again["hellos"]]
    assert hellos == [(own, bytes(32)), (other, own), (own, other)]
    epoch = decoder.Epoch(SECRET, raw(again["guest_private"]), other, "g")
    open_signals(epoch, again["signals"])


def test_decoder_opens_how_a_guest_comes_back():
    back = VECTORS["coming_back"]
    own, other = (decoder.public_of(raw(back[f"{side}_private"])) for side in ("guest", "host"))
    assert decoder.reopen_token(SECRET) == back["token"]
    assert decoder.open_return(back["request"], SECRET) == (own, bytes(32))
    answer = {"s": 1, "h": back["answer"]}
    assert decoder.open_hello(answer, SECRET, "h") == (other, own)
    assert decoder.open_hello(back["echo"], SECRET, "g") == (own, other)
    open_signals(decoder.Epoch(SECRET, raw(back["guest_private"]), other, "g"), [back["signal"]])


# -- RFC 9180, A.2.2 ----------------------------------------------------------------------------


def test_suite_seals_the_vector_of_the_rfc():
    enc, context = SUITE.create_sender_context(
        SUITE.kem.deserialize_public_key(raw(RFC["pk_r"])),
        raw(RFC["info"]),
        psk=raw(RFC["psk"]),
        psk_id=raw(RFC["psk_id"]),
        eks=SUITE.kem.derive_key_pair(raw(RFC["ikm_e"])),
    )
    assert enc.hex() == RFC["enc"]
    for each in RFC["messages"]:
        assert context.seal(raw(RFC["plaintext"]), raw(each["aad"])).hex() == each["ciphertext"]
    for each in RFC["exports"]:
        assert context.export(raw(each["context"]), 32).hex() == each["secret"]


def suite_recipient():
    return SUITE.create_recipient_context(
        raw(RFC["enc"]),
        SUITE.kem.deserialize_private_key(raw(RFC["sk_r"])),
        raw(RFC["info"]),
        psk=raw(RFC["psk"]),
        psk_id=raw(RFC["psk_id"]),
    )


def decoder_recipient():
    fields = (raw(RFC[name]) for name in ("sk_r", "enc", "info", "psk", "psk_id"))
    return decoder.HpkeRecipient(*fields)


@pytest.mark.parametrize("recipient", [suite_recipient, decoder_recipient])
def test_vector_of_the_rfc_opens(recipient):
    context = recipient()
    for each in RFC["messages"]:
        assert context.open(raw(each["ciphertext"]), raw(each["aad"])).hex() == RFC["plaintext"]
    for each in RFC["exports"]:
        assert context.export(raw(each["context"]), 32).hex() == each["secret"]


# -- what does not open -------------------------------------------------------------------------


@shut("requests")
def test_request_that_does_not_open_is_refused(text):
    side = host()
    assert side.take_prompt(text, 0) is Refused.DOES_NOT_OPEN
    assert side.take_prompt(REQUEST["seal"], 0).name == REQUEST["name"]
    assert side.take_prompt(text, 0) is Refused.TAMPERED


@shut("acks")
def test_ack_that_does_not_open_shows_no_number(text):
    side = guest()
    assert not side.take_ack(text)
    assert side.code is None
    assert side.take_ack(ACK["seal"])
    assert not side.take_ack(text)
    assert side.code == ACK["code"]


@shut("answers")
def test_answer_that_does_not_open_approves_nobody(text):
    side = guest()
    assert side.take_ack(ACK["seal"])
    assert side.take_answer(text, is_approved=True) is None
    assert side.peer is None
    answer = side.take_answer(VECTORS["answer"]["seal"], is_approved=True)
    assert answer == Answer(True, Terms("Desk", SessionType.TEMPORARY, 3600.5))


@shut("signals")
def test_signal_of_another_form_is_tampered(text):
    peer = SealedPeer("g", SECRET)
    assert peer.receive(msgjson.encode(text), 0) == (None, 0, Notice.TAMPERED, None)


@pytest.mark.parametrize("link", VECTORS["links"]["sealed"])
def test_sealed_link_is_read_and_written(link):
    assert is_sealed(link)
    written = str(parse_sealed_link(link))
    assert written == link.strip().replace("/join/#", "/join#")
    assert parse_sealed_link(written) == parse_sealed_link(link)


@pytest.mark.parametrize("link", VECTORS["links"]["refused"])
def test_link_that_is_not_a_sealed_one_is_refused(link):
    with pytest.raises(InvalidLink, match="a sealed link looks like"):
        parse_sealed_link(link)

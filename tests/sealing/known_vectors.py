"""Makes tests/vectors/known-1.json from fixed keys and random bytes: ``make vectors``."""

import json
import sys
from pathlib import Path

from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing import hpke
from proxim.sealing.answer import Gone, Terms, seal_answer
from proxim.sealing.ask import open_ask, seal_ask
from proxim.sealing.box import seal_box
from proxim.sealing.device import Context, Grant, device_key_of
from proxim.sealing.encoding import decode, info, padded
from proxim.sealing.keys import link_secrets, pair_of
from proxim.sealing.link import SealedLink
from tests.sealing.fixed import Drawn, fixed

PATH = Path(__file__).parent.parent / "vectors" / "known-1.json"
DEVICE = device_key_of(fixed("device private"))
OTHER = device_key_of(fixed("other device private"))
HOST_PRIVATE = fixed("standing private")
LINK = SealedLink(
    "https://node.example",
    "0123456789abcdefABCDEF",
    fixed("standing seed"),
    pair_of(HOST_PRIVATE)[1],
)
GUEST_KEY = pair_of(fixed("guest private")).public
TICKET, NEXT_TICKET = fixed("ticket")[:16], fixed("next ticket")[:16]
TERMS = Terms("Desk", SessionType.PERSISTENT, None)


def request(ticket):
    seal, secret = seal_ask(
        LINK, "Phone", GUEST_KEY, Drawn("ephemeral ikm"), device=DEVICE, ticket=ticket
    )
    visitor = open_ask(decode(seal), LINK.session_id, LINK.seed, HOST_PRIVATE).visitor
    assert visitor == (DEVICE.public, ticket)
    context = context_of(decode(seal)[1:33])
    fields = (context.session_id.encode(), *context[1:], DEVICE.public, ticket or b"")
    return {
        "enc": context.enc.hex(),
        "ticket": None if ticket is None else ticket.hex(),
        "signed": info("device", *fields).hex(),
        "signature": DEVICE.sign(context, ticket).hex(),
        "seal": seal,
        "S": secret.hex(),
    }


def context_of(enc):
    psk_id = link_secrets(LINK.seed).psk_id
    return Context(LINK.session_id, psk_id, LINK.host_key, enc, GUEST_KEY)


def vectors():
    first = request(None)
    secret = bytes.fromhex(first["S"])
    grant = Grant(LINK.session_id, LINK.seed, LINK.host_key, TICKET, 7776000, True)
    return {
        "link": {
            "session_id": LINK.session_id,
            "seed": LINK.seed.hex(),
            "host_private": HOST_PRIVATE.hex(),
            "host_key": LINK.host_key.hex(),
            "psk_id": link_secrets(LINK.seed).psk_id.decode(),
        },
        "device": {"private": DEVICE.private.hex(), "dk": DEVICE.public.hex()},
        "k_g": GUEST_KEY.hex(),
        "ephemeral_ikm": fixed("ephemeral ikm").hex(),
        "first_request": first,
        "visit": request(TICKET),
        "grant": {
            "json": answer(known=wire_grant()),
            "salt": fixed("grant salt").hex(),
            "seal": encode(seal_answer(secret, True, TERMS, Drawn("grant salt"), grant)),
        },
        "next_ticket": {
            "json": answer(t=encode(NEXT_TICKET)),
            "salt": fixed("ticket salt").hex(),
            "seal": encode(seal_answer(secret, True, TERMS, Drawn("ticket salt"), NEXT_TICKET)),
        },
        "gone": {
            "json": answer(gone="copied") | {"yes": False},
            "salt": fixed("gone salt").hex(),
            "seal": encode(seal_answer(secret, False, TERMS, Drawn("gone salt"), gone=Gone.COPIED)),
        },
        "does_not_open": {"requests": refused_requests(), "answers": refused_answers(secret)},
    }


def answer(**more):
    return {"v": 1, "yes": True, "name": "Desk", "type": "persistent", "left": None, **more}


def wire_grant(**changed):
    texts = {"seed": LINK.seed, "key": LINK.host_key, "t": TICKET}
    encoded = {name: encode(raw) for name, raw in texts.items()}
    return {"sid": LINK.session_id, **encoded, "left": 7776000.0, "auto": True, **changed}


def without(fields, name):
    return {key: value for key, value in fields.items() if key != name}


def refused_requests():
    """Requests whose parts about the device are wrong."""

    def asked(change, by=DEVICE, **context):
        def text_for(enc):
            signature = by.sign(context_of(enc)._replace(**context), TICKET)
            good = {
                "v": 1,
                "name": "Phone",
                "k": encode(GUEST_KEY),
                "dk": encode(DEVICE.public),
                "sig": encode(signature),
                "t": encode(TICKET),
            }
            return padded(change(good), 640)

        _, _, psk, psk_id = link_secrets(LINK.seed)
        draw = Drawn("ephemeral ikm")
        sealed = hpke.seal(LINK.host_key, psk, psk_id, LINK.session_id, text_for, draw)
        return encode(b"\x01" + sealed.enc + sealed.ciphertext)

    def same(good):
        return good

    return {
        "no signature": asked(lambda good: without(good, "sig")),
        "no device key": asked(lambda good: without(good, "dk")),
        "a ticket alone": asked(lambda good: without(without(good, "dk"), "sig")),
        "another ticket than the signed one": asked(lambda good: good | {"t": encode(NEXT_TICKET)}),
        "the signed ticket left out": asked(lambda good: without(good, "t")),
        "a short ticket": asked(lambda good: good | {"t": encode(TICKET[1:])}),
        "a ticket with unused bits": asked(lambda good: good | {"t": "A" * 21 + "B"}),
        "a short signature": asked(lambda good: good | {"sig": good["sig"][:-4]}),
        "a short device key": asked(lambda good: good | {"dk": encode(DEVICE.public[1:])}),
        "a number as the device key": asked(lambda good: good | {"dk": 1}),
        "null as the device key": asked(lambda good: good | {"dk": None, "sig": None, "t": None}),
        "signed by another device": asked(same, by=OTHER),
        "signed for another session": asked(same, session_id="t" * 22),
        "signed for another link": asked(same, psk_id=b"A" * 43),
        "signed for another host": asked(same, host_key=GUEST_KEY),
        "signed for another encapsulated key": asked(same, enc=GUEST_KEY),
        "signed for another key of the guest": asked(same, guest_key=LINK.host_key),
    }


def refused_answers(secret):
    """Answers whose grant or ticket is wrong."""

    def answered(content):
        text = padded(content, 1024)
        return encode(seal_box(secret, "answer", "h", text, Drawn("grant salt")))

    grants = {f"a grant without {name}": without(wire_grant(), name) for name in wire_grant()} | {
        "a grant with a short session id": wire_grant(sid="s" * 15),
        "a grant with a session id of another form": wire_grant(sid="s" * 22 + "\n"),
        "a grant with a short seed": wire_grant(seed=encode(LINK.seed[1:])),
        "a grant with a short key": wire_grant(key=encode(LINK.host_key[1:])),
        "a grant with a long ticket": wire_grant(t=encode(LINK.seed)),
        "a grant with a negative time": wire_grant(left=-1),
        "a grant with a text as its policy": wire_grant(auto="true"),
        "null as the grant": None,
    }
    ticket = encode(NEXT_TICKET)
    return {name: answered(answer(known=grant)) for name, grant in grants.items()} | {
        "a short ticket": answered(answer(t=encode(NEXT_TICKET[1:]))),
        "null as the ticket": answered(answer(t=None)),
        "a grant and a ticket": answered(answer(known=wire_grant(), t=ticket)),
        "a rejection with a ticket": answered(answer(t=ticket) | {"yes": False}),
        "a rejection with a grant": answered(answer(known=wire_grant()) | {"yes": False}),
        "an approval of a device that is gone": answered(answer(gone="copied")),
        "null as the reason": answered(answer(gone=None) | {"yes": False}),
    }


def text():
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"written: {PATH}\n")

"""Makes tests/vectors/seal-1.json from fixed keys and random bytes: ``make vectors``."""

import json
import sys
from pathlib import Path

from msgspec import json as msgjson

from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing import keys
from proxim.sealing.answer import Terms
from proxim.sealing.encoding import decode
from proxim.sealing.epoch import Epoch
from proxim.sealing.guest import SealedGuest, return_seal
from proxim.sealing.host import LinkKeys, SealedHost
from proxim.sealing.peer import SealedPeer
from tests.sealing import refused
from tests.sealing.fixed import Drawn, fixed

PATH = Path(__file__).parent.parent / "vectors" / "seal-1.json"
SESSION_ID = "0123456789abcdefABCDEF"
RFC_9180_A_2_2 = {
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "ikm_e": "35706a0b09fb26fb45c39c2f5079c709c7cf98e43afa973f14d88ece7e29c2e3",
    "pk_r": "13640af826b722fc04feaa4de2f28fbd5ecc03623b317834e7ff4120dbe73062",
    "sk_r": "77d114e0212be51cb1d76fa99dd41cfd4d0166b08caa09074430a6c59ef17879",
    "psk": "0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82",
    "psk_id": "456e6e796e20447572696e206172616e204d6f726961",
    "enc": "2261299c3f40a9afc133b969a97f05e95be2c514e54f3de26cbe5644ac735b04",
    "plaintext": "4265617574792069732074727574682c20747275746820626561757479",
    "messages": [
        {
            "aad": "436f756e742d30",
            "ciphertext": "4a177f9c0d6f15cfdf533fb65bf84aecdc6ab16b8b85b4cf65a370e07fc1"
            "d78d28fb073214525276f4a89608ff",
        },
        {
            "aad": "436f756e742d31",
            "ciphertext": "5c3cabae2f0b3e124d8d864c116fd8f20f3f56fda988c3573b40b09997fd"
            "6c769e77c8eda6cda4f947f5b704a8",
        },
    ],
    "exports": [
        {
            "context": "54657374436f6e74657874",
            "secret": "ad40e3ae14f21c99bfdebc20ae14ab86f4ca2dc9a4799d200f43a25f99fa78ae",
        }
    ],
}
SIGNALS = [
    ("g", '"hello"'),
    ("h", '{"rtc":{"from":"a","description":{"type":"offer","sdp":"v=0\\r\\n"}}}'),
    ("g", "null"),
    ("g", '"Zoë 📱"'),
    ("h", "[]"),
]


def vectors():
    drawn_link = Drawn("seed", "host link private")
    link_keys = LinkKeys(drawn_link(32), drawn_link(32))
    host = SealedHost(
        SESSION_ID,
        link_keys,
        draw=Drawn(
            "host private", "ack salt", "answer salt", "again host private", "again host salt"
        ),
    )
    link = host.link("https://node.example")
    guest = SealedGuest.ask(
        link,
        "Zoë’s phone",
        draw=Drawn(
            "guest private", "ephemeral ikm", "again guest private", "start salt", "echo salt"
        ),
    )
    asked = host.take_prompt(guest.state.seal, 0)
    assert guest.take_ack(asked.ack)
    terms = Terms("Desk", SessionType.TEMPORARY, 3600.5)
    decision = host.approve(guest.code, terms)
    answer = guest.take_answer(decision.seal, is_approved=True)
    assert answer.approved
    secret = guest.state.secret
    sides = {"g": guest.peer, "h": host.peer}
    seed_secrets = keys.link_secrets(link_keys.seed)
    content = decode(guest.state.seal)
    epoch = Epoch("g", secret, keys.pair_of(fixed("guest private")), guest.state.host_key)
    return {
        "link": {
            "session_id": SESSION_ID,
            "seed": link_keys.seed.hex(),
            "host_private": link_keys.private.hex(),
            "host_key": link.host_key.hex(),
            "text": str(link),
            "token": seed_secrets.token,
            "token_hash": seed_secrets.token_hash,
            "psk": seed_secrets.psk.hex(),
        },
        "request": {
            "guest_private": fixed("guest private").hex(),
            "ephemeral_ikm": fixed("ephemeral ikm").hex(),
            "enc": content[1:33].hex(),
            "name": asked.name,
            "k_g": keys.pair_of(fixed("guest private")).public.hex(),
            "seal": guest.state.seal,
            "S": secret.hex(),
        },
        "ack": {
            "host_private": fixed("host private").hex(),
            "k_h": guest.state.host_key.hex(),
            "salt": fixed("ack salt").hex(),
            "seal": asked.ack,
            "code": guest.code,
        },
        "answer": {
            "salt": fixed("answer salt").hex(),
            "json": {"v": 1, "yes": True, "name": "Desk", "type": "temporary", "left": 3600.5},
            "seal": decision.seal,
        },
        "epoch_0": epoch_of(epoch, sides),
        "reload": reload(guest.peer, host.peer),
        "coming_back": coming_back(secret),
        "does_not_open": refused.texts(link, secret),
        "names": refused.NAMES,
        "links": refused.LINKS,
        "rfc9180": RFC_9180_A_2_2,
    }


def epoch_of(epoch, sides):
    signals = []
    for role, text in SIGNALS:
        signals.append({"from": role, "text": text, "data": sides[role].seal(text.encode())})
    for each in signals:
        receiver = sides["h" if each["from"] == "g" else "g"]
        assert receiver.receive(msgjson.encode(each["data"]), 0).data is not None
    return {"id": epoch.id, "signals": signals}


def reload(guest, host):
    """The guest comes back: three hellos, and a signal of each side in the new epoch."""
    hellos = [{"from": "g", "data": guest.start()}]
    for receiver, role in ((host, "h"), (guest, "g"), (host, "h")):
        data = receiver.receive(msgjson.encode(hellos[-1]["data"]), 0).send
        if data is not None:
            hellos.append({"from": role, "data": data})
    assert len(hellos) == 3
    assert guest.is_ready
    assert host.is_ready
    signals = [
        {"from": role, "text": '"again"', "data": peer.seal(b'"again"')}
        for role, peer in (("g", guest), ("h", host))
    ]
    return {
        "guest_private": fixed("again guest private").hex(),
        "host_private": fixed("again host private").hex(),
        "salts": [fixed(name).hex() for name in ("start salt", "again host salt", "echo salt")],
        "hellos": hellos,
        "signals": signals,
    }


def coming_back(secret):
    guest = SealedPeer("g", secret, draw=Drawn("return private", "return salt", "return echo salt"))
    draw = Drawn("returned private", "returned salt")
    host = SealedHost(SESSION_ID, secret=secret, draw=draw)
    request = return_seal(guest)
    returned = host.take_prompt(request, 0)
    echo = guest.answer_box(decode(returned.seal), 0)
    assert echo is not None
    assert host.peer.answer_box(echo, 0) is None
    return {
        "token": keys.reopen_token(secret),
        "guest_private": fixed("return private").hex(),
        "host_private": fixed("returned private").hex(),
        "salts": [
            fixed(name).hex() for name in ("return salt", "returned salt", "return echo salt")
        ],
        "request": request,
        "answer": returned.seal,
        "echo": {"s": 1, "h": encode(echo)},
        "signal": {"from": "h", "text": "1", "data": host.peer.seal(b"1")},
    }


def text():
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text(), encoding="utf-8", newline="\n")
    sys.stdout.write(f"written: {PATH}\n")

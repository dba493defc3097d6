"""Texts that do not open, names and links that are not allowed: what the vectors have of them."""

from proxim.protocol.tokens import encode
from proxim.sealing.ask import seal_ask
from proxim.sealing.box import seal_box
from proxim.sealing.encoding import NO_KEY, decode, padded
from proxim.sealing.hpke import seal as hpke_seal
from proxim.sealing.keys import link_secrets
from tests.protocol.test_device_names import BAD, BLANK, GOOD, MISPLACED, NEEDS_JOINERS
from tests.sealing.fixed import Drawn, fixed

_ID, _KEY = "i" * 22, "A" * 43
LINKS = {
    "sealed": [
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY}",
        f" http://[::1]:8443/sub/join/#{'_-' * 64}.{_KEY}.{_KEY}",
    ],
    "refused": [
        f"https://node.example/join#{_ID}.{_KEY}",
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY}.{_KEY}",
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY[1:]}",
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY}A",
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY[1:]}B",
        f"https://node.example/join#{_ID}.{_KEY[1:]}B.{_KEY}",
        f"https://node.example/join#{_ID}.{_KEY}.{_KEY[1:]}+",
        f"https://node.example/join#{_ID[:15]}.{_KEY}.{_KEY}",
        f"https://node.example/#{_ID}.{_KEY}.{_KEY}",
        f"ftp://node.example/join#{_ID}.{_KEY}.{_KEY}",
    ],
}
NAMES = {
    "allowed": [*GOOD, *NEEDS_JOINERS.values()],
    # JSON has no half surrogate pairs.
    "refused": [each for each in (*BAD, *BLANK, *MISPLACED.values()) if each != "\ud800"],
}


def texts(link, secret):
    """Texts that an attacker or a program with a mistake might send, by where they would arrive."""
    good_key = encode(fixed("some key"))
    good = {"v": 1, "name": "P", "k": good_key}
    seal, _ = seal_ask(link, "P", fixed("some key"), Drawn("ephemeral ikm"))
    raw = decode(seal)

    def asked(content):
        _, _, psk, psk_id = link_secrets(link.seed)
        text = content if isinstance(content, bytes) else padded(content, 640)
        sealed = hpke_seal(
            link.host_key, psk, psk_id, link.session_id, lambda _: text, Drawn("ephemeral ikm")
        )
        return encode(b"\x01" + sealed.enc + sealed.ciphertext)

    def answered(content, kind="answer", role="h"):
        text = content if isinstance(content, bytes) else padded(content, 1024)
        return encode(seal_box(secret, kind, role, text, Drawn("answer salt")))

    answer = {"v": 1, "yes": True, "name": "Desk", "type": "one_time", "left": None}
    return {
        "requests": {
            "empty": "",
            "padding of base64": seal + "=",
            "a foreign character": seal[:50] + "." + seal[51:],
            "cut": seal[:-4],
            "longer": encode(raw + b"\0"),
            "another first byte": encode(b"\x03" + raw[1:]),
            "an ephemeral key of zeros": encode(raw[:1] + bytes(32) + raw[33:]),
            "639 bytes": asked(padded(good, 639)),
            "641 bytes": asked(padded(good, 641)),
            "not JSON": asked(b"x" * 640),
            "not UTF-8": asked(b'{"v":1,"k":"%s","name":"\xff"}'.ljust(640) % good_key.encode()),
            "a list": asked([good]),
            "version 2": asked(good | {"v": 2}),
            "version true": asked(good | {"v": True}),
            "no version": asked({"name": "P", "k": good_key}),
            "no name": asked({"v": 1, "k": good_key}),
            "a number as the name": asked(good | {"name": 1}),
            "an empty name": asked(good | {"name": ""}),
            "a blank name": asked(good | {"name": " "}),
            "a long name": asked(good | {"name": "x" * 65}),
            "a bidirectional name": asked(good | {"name": "gpj.\u202eexe"}),
            "half a surrogate pair": asked(
                b'{"v":1,"k":"%s","name":"a\\ud800"}'.ljust(640) % good_key.encode()
            ),
            "no key": asked({"v": 1, "name": "P"}),
            "a short key": asked(good | {"k": encode(bytes(31))}),
            "a key with unused bits": asked(good | {"k": "A" * 42 + "B"}),
            "a key of zeros": asked(good | {"k": encode(NO_KEY)}),
        },
        "acks": {
            "empty": "",
            "of another kind": answered(fixed("some key"), "hello"),
            "of the guest": answered(fixed("some key"), "ack", "g"),
            "a key of zeros": answered(NO_KEY, "ack"),
            "a short key": answered(bytes(31), "ack"),
        },
        "answers": {
            "empty": "",
            "of the guest": answered(answer, role="g"),
            "1023 bytes": answered(padded(answer, 1023)),
            "version 2": answered(answer | {"v": 2}),
            "no version": answered({key: answer[key] for key in answer if key != "v"}),
            "a text as the decision": answered(answer | {"yes": "true"}),
            "an unknown type": answered(answer | {"type": "endless"}),
            "a negative time": answered(answer | {"left": -1}),
            "an endless time": answered(
                b'{"v":1,"yes":true,"name":"D","type":"temporary","left":1e999}'.ljust(1024)
            ),
            "no time": answered({key: answer[key] for key in answer if key != "left"}),
            "a bad name": answered(answer | {"name": "\u200b"}),
        },
        "signals": {
            "a text": "x",
            "null": None,
            "no version": {"h": ""},
            "version 2": {"s": 2, "h": answered(bytes(64), "hello")},
            "an empty hello": {"s": 1, "h": ""},
            "a hello of the wrong length": {"s": 1, "h": answered(bytes(63), "hello")},
            "a hello of the guest": {"s": 1, "h": answered(bytes(64), "hello", "g")},
            "no number": {"s": 1, "e": "AAAAAAAAAAA", "c": ""},
            "a negative number": {"s": 1, "e": "AAAAAAAAAAA", "n": -1, "c": ""},
            "a number that is too high": {"s": 1, "e": "AAAAAAAAAAA", "n": 2**53, "c": ""},
            "a fraction": {"s": 1, "e": "AAAAAAAAAAA", "n": 0.5, "c": ""},
            "a short epoch": {"s": 1, "e": "AAAA", "n": 0, "c": ""},
        },
    }

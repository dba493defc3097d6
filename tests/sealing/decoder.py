"""Opens sealed sessions: written from docs/reference/sealing.md alone, as the judge of both SDKs.

It uses the primitives of ``cryptography``, and nothing of Proxim or of an HPKE library.
"""

import base64
import hashlib
import hmac
import json
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305


class Shut(Exception):
    """It does not open."""


def need(condition):
    if not condition:
        raise Shut


# -- Notation ----------------------------------------------------------------------------------


def lp(part):
    return struct.pack(">H", len(part)) + part


def info(*parts):
    return b"".join(lp(each if isinstance(each, bytes) else each.encode()) for each in parts)


def hkdf_extract(salt, key):
    return hmac.digest(salt or bytes(32), key, "sha256")


def hkdf_expand(key, text, length):
    block, output = b"", b""
    for count in range(1, 256):
        if len(output) >= length:
            break
        block = hmac.digest(key, block + text + bytes([count]), "sha256")
        output += block
    return output[:length]


def kdf(key, name, *fields, length=32):
    return hkdf_expand(hkdf_extract(b"", key), info("proxim seal 1", name, *fields), length)


def b64(raw):
    return base64.urlsafe_b64encode(raw).decode().replace("=", "")


def unb64(text, size=None):
    need(isinstance(text, str) and re.fullmatch("[A-Za-z0-9_-]*", text) and len(text) % 4 != 1)
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    need(b64(raw) == text and size in (None, len(raw)))
    return raw


def x25519(private, public):
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        return key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise Shut from None


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def aead_open(key, nonce, sealed, aad=b""):
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise Shut from None


def padded_json(text, size):
    need(len(text) == size)
    value = json.loads(text.decode())
    need(isinstance(value, dict) and value.get("v") == 1)
    return value


# -- HPKE (RFC 9180) ---------------------------------------------------------------------------

KEM_ID = b"KEM" + struct.pack(">H", 0x0020)
SUITE_ID = b"HPKE" + struct.pack(">HHH", 0x0020, 0x0001, 0x0003)


def labeled_extract(suite, salt, label, key):
    return hkdf_extract(salt, b"HPKE-v1" + suite + label + key)


def labeled_expand(suite, key, label, text, length):
    text = struct.pack(">H", length) + b"HPKE-v1" + suite + label + text
    return hkdf_expand(key, text, length)


class HpkeRecipient:
    """A receiving context in mode_psk."""

    def __init__(self, private, enc, text, psk, psk_id):
        need(len(psk) == 32)
        prk = labeled_extract(KEM_ID, b"", b"eae_prk", x25519(private, enc))
        context = enc + public_of(private)
        shared = labeled_expand(KEM_ID, prk, b"shared_secret", context, 32)
        id_hash = labeled_extract(SUITE_ID, b"", b"psk_id_hash", psk_id)
        info_hash = labeled_extract(SUITE_ID, b"", b"info_hash", text)
        context = b"\x01" + id_hash + info_hash
        secret = labeled_extract(SUITE_ID, shared, b"secret", psk)
        self.key = labeled_expand(SUITE_ID, secret, b"key", context, 32)
        self.base_nonce = labeled_expand(SUITE_ID, secret, b"base_nonce", context, 12)
        self.exporter = labeled_expand(SUITE_ID, secret, b"exp", context, 32)
        self.count = 0

    def open(self, sealed, aad=b""):
        number = int.from_bytes(self.base_nonce, "big") ^ self.count
        text = aead_open(self.key, number.to_bytes(12, "big"), sealed, aad)
        self.count += 1
        return text

    def export(self, context, length):
        return labeled_expand(SUITE_ID, self.exporter, b"sec", context, length)


# -- The link, the request, the ack, the answer ------------------------------------------------


def read_link(text):
    found = re.fullmatch(r"(https?://.+)/join/?#([\w-]{16,128})\.([\w-]+)\.([\w-]+)", text, re.A)
    need(found)
    return found[1], found[2], unb64(found[3], 32), unb64(found[4], 32)


def token_of(seed):
    return b64(kdf(seed, "token"))


def token_hash_of(seed):
    return b64(hashlib.sha256(token_of(seed).encode()).digest())


def open_request(seal, session_id, seed, private):
    """Return the ask and the secret S."""
    content = unb64(seal)
    need(content[:1] == b"\x01" and len(content) == 1 + 32 + 640 + 16)
    psk, psk_id = kdf(seed, "psk"), token_hash_of(seed).encode()
    text = info("proxim seal 1", "hpke", session_id)
    context = HpkeRecipient(private, content[1:33], text, psk, psk_id)
    ask = padded_json(context.open(content[33:]), 640)
    return ask, context.export(info("proxim seal 1", "S"), 32)


def open_box(secret, kind, role, box):
    return aead_open(kdf(secret, "box", kind, role, box[:32]), bytes(12), box[32:])


def open_ack(seal, secret):
    """Return the host's key and the code."""
    key = open_box(secret, "ack", "h", unb64(seal))
    drawn = int.from_bytes(kdf(secret, "code", key, length=8), "big")
    return key, str(100 + drawn % 900)


def open_answer(seal, secret):
    return padded_json(open_box(secret, "answer", "h", unb64(seal)), 1024)


# -- Epochs, signals, hellos -------------------------------------------------------------------


class Epoch:
    """Opens the signals of both sides, by the private key of one."""

    def __init__(self, secret, private, other, role):
        guest, host = public_of(private), other
        if role == "h":
            guest, host = host, guest
        shared = x25519(private, other)
        derived = kdf(shared + secret, "epoch", guest, host, length=72)
        self.keys = {"g": derived[:32], "h": derived[32:64]}
        self.id = b64(derived[64:])

    def open(self, data, role):
        need(data["s"] == 1 and data["e"] == self.id and 0 <= data["n"] < 2**53)
        nonce = bytes(4) + struct.pack(">Q", data["n"])
        return json.loads(aead_open(self.keys[role], nonce, unb64(data["c"])).decode())


def open_hello(data, secret, role):
    """Return the sender's key, and the key that it answers."""
    need(data["s"] == 1)
    text = open_box(secret, "hello", role, unb64(data["h"]))
    need(len(text) == 64)
    return text[:32], text[32:]


def open_return(seal, secret):
    content = unb64(seal)
    need(content[:1] == b"\x02")
    return open_hello({"s": 1, "h": b64(content[1:])}, secret, "g")


def reopen_token(secret):
    return b64(kdf(secret, "reopen"))

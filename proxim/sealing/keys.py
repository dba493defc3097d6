"""Keys, and what is derived from them (sealing: Notation, The link, Epochs)."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxim.protocol.tokens import encode
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, info


class KeyPair(NamedTuple):
    """An X25519 key pair, as bytes (RFC 7748)."""

    private: bytes
    public: bytes


def new_pair(draw: Draw) -> KeyPair:
    """Return a key pair from 32 random bytes."""
    return pair_of(draw(KEY_BYTES))


def pair_of(private: bytes) -> KeyPair:
    """Return the pair of a private key."""
    public = X25519PrivateKey.from_private_bytes(private).public_key()
    return KeyPair(private, public.public_bytes_raw())


def exchange(private: bytes, public: bytes) -> bytes:
    """Return what two keys share. Raises ``DoesNotOpen`` if the result is all zeros."""
    try:
        key = X25519PrivateKey.from_private_bytes(private)
        return key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError:
        raise DoesNotOpen from None


def derive(secret: bytes, name: str, *fields: bytes, length: int = KEY_BYTES) -> bytes:
    """Return ``KDF(secret, name, fields…; length)``: HKDF-SHA256 without a salt (RFC 5869)."""
    return HKDF(SHA256(), length, None, info(name, *fields)).derive(secret)


class LinkSecrets(NamedTuple):
    """What is derived from the seed of a link."""

    token: str
    token_hash: str
    psk: bytes
    psk_id: bytes


def link_secrets(seed: bytes) -> LinkSecrets:
    """Return the token that the node gets, and the pre-shared key, which it does not get."""
    token = encode(derive(seed, "token"))
    token_hash = encode(hashlib.sha256(token.encode()).digest())
    return LinkSecrets(token, token_hash, derive(seed, "psk"), token_hash.encode())


def code_of(secret: bytes, host_key: bytes) -> str:
    """Return the number that the guest shows, 100–999 (sealing: The number)."""
    drawn = int.from_bytes(derive(secret, "code", host_key, length=8), "big")
    return str(100 + drawn % 900)


def reopen_token(secret: bytes) -> str:
    """Return the token of a session that is opened again (sealing: Coming back)."""
    return encode(derive(secret, "reopen"))


def reopen_hash(secret: bytes) -> str:
    """Return the ``token_hash`` of ``reopen_token``."""
    return encode(hashlib.sha256(reopen_token(secret).encode()).digest())

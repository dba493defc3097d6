"""The seal on what is written: without the key a stored file tells nothing but how much is in it.

ChaCha20-Poly1305 (RFC 8439) under a key that is derived for each process (HKDF, RFC 5869), so that
a counter is enough for a nonce. Each row is bound to its name, and cannot stand for another.
"""

from __future__ import annotations

import hmac
import secrets
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SALT_BYTES = 16
_NONCE_BYTES = 12


class BrokenSeal(Exception):
    """It was sealed with another key, or under another name, or altered."""


class Seal:
    """Seals with a key that is derived from ``secret``, a text that nobody can guess."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()
        self._ciphers = lru_cache(64)(self._cipher)
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._count = 0
        self._names = self._derive(b"names")

    def name(self, session_id: str) -> bytes:
        """What a session is called in the file: always the same, and telling nothing of it."""
        return hmac.digest(self._names, session_id.encode(), sha256)[:16]

    def close(self, content: bytes, name: bytes) -> bytes:
        """Seal ``content`` under a name. Not for two threads at a time."""
        self._count += 1
        nonce = self._count.to_bytes(_NONCE_BYTES, "big")
        return self._salt + nonce + self._ciphers(self._salt).encrypt(nonce, content, name)

    def open(self, sealed: bytes, name: bytes) -> bytes:
        """What was sealed under that name. Raises ``BrokenSeal``."""
        salt, rest = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
        nonce, rest = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._ciphers(salt).decrypt(nonce, rest, name)
        except (InvalidTag, ValueError):
            raise BrokenSeal from None

    def _cipher(self, salt: bytes) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._derive(b"rows", salt))

    def _derive(self, purpose: bytes, salt: bytes = b"") -> bytes:
        return HKDF(SHA256(), 32, salt, b"proxim store " + purpose).derive(self._secret)

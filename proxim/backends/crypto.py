"""The seal on what leaves the process, for a disk or for other nodes; without the key it is noise.

ChaCha20-Poly1305 (RFC 8439) under a key that is derived for each process (HKDF, RFC 5869), so that
a counter is enough for a nonce. What is sealed is bound to what it is for, and to nothing else.
"""

from __future__ import annotations

import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_SALT_BYTES = 16
_NONCE_BYTES = 12


class BrokenSeal(Exception):
    """It was sealed with another key, or for something else, or altered."""


class Sealer:
    """Seals for ``purpose`` with a ``secret`` of the operator's, a text that nobody can guess."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._ciphers = lru_cache(64)(
            lambda salt: ChaCha20Poly1305(derive(secret, purpose, salt)),
        )
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._count = 0

    def close(self, content: bytes, bound_to: bytes) -> bytes:
        """Seal ``content``, so that it opens only as what it is bound to. Not for two threads."""
        self._count += 1
        nonce = self._count.to_bytes(_NONCE_BYTES, "big")
        return self._salt + nonce + self._ciphers(self._salt).encrypt(nonce, content, bound_to)

    def open(self, sealed: bytes, bound_to: bytes) -> bytes:
        """What was sealed so. Raises ``BrokenSeal``."""
        salt, rest = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
        nonce, rest = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._ciphers(salt).decrypt(nonce, rest, bound_to)
        except (InvalidTag, ValueError):
            raise BrokenSeal from None


def derive(secret: str, purpose: bytes, salt: bytes = b"") -> bytes:
    """A key of 32 bytes for one purpose, which tells nothing of the secret or of other keys."""
    return HKDF(SHA256(), 32, salt, purpose).derive(secret.encode())

"""Authenticated encryption of what leaves the process, for a disk or for other nodes.

ChaCha20-Poly1305 (RFC 8439) with a key that is derived for each process (HKDF, RFC 5869), so that
a counter is enough for a nonce. Encrypted content is bound to its purpose (associated data).
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


class CannotDecrypt(Exception):
    """The content was encrypted with another key or for another purpose, or was altered."""


class Cipher:
    """Encrypts with a key that is derived from a ``secret`` for a ``purpose``."""

    def __init__(self, secret: str, purpose: bytes) -> None:
        self._ciphers = lru_cache(64)(
            lambda salt: ChaCha20Poly1305(derive(secret, purpose, salt)),
        )
        self._salt = secrets.token_bytes(_SALT_BYTES)
        self._count = 0

    def encrypt(self, content: bytes, bound_to: bytes) -> bytes:
        """Encrypt ``content``; only the same ``bound_to`` decrypts it. Not for several threads."""
        self._count += 1
        nonce = self._count.to_bytes(_NONCE_BYTES, "big")
        return self._salt + nonce + self._ciphers(self._salt).encrypt(nonce, content, bound_to)

    def decrypt(self, encrypted: bytes, bound_to: bytes) -> bytes:
        """Return the content. Raises ``CannotDecrypt``."""
        salt, rest = encrypted[:_SALT_BYTES], encrypted[_SALT_BYTES:]
        nonce, rest = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return self._ciphers(salt).decrypt(nonce, rest, bound_to)
        except (InvalidTag, ValueError):
            raise CannotDecrypt from None


def derive(secret: str, purpose: bytes, salt: bytes = b"") -> bytes:
    """Derive a 32-byte key for one purpose, which reveals neither the secret nor other keys."""
    return HKDF(SHA256(), 32, salt, purpose).derive(secret.encode())

"""The seal on what leaves a node for the hub, if the operator gave a key.

ChaCha20-Poly1305 (RFC 8439) under a key that is derived for each process (HKDF, RFC 5869), so that
a counter is enough for a nonce. What is sealed is bound to what it is for: a snapshot to its
session, a sack to its receiver.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import lru_cache
from typing import Protocol

from proxim.core.errors import InvalidSetting

SHORTEST_KEY = 32
"""Characters that a key must have."""

_SALT = 16
_NONCE = 12


class BrokenSeal(Exception):
    """It was sealed with another key, or for another purpose, or altered."""


class Seal(Protocol):
    """Closes and opens."""

    def close(self, content: bytes, purpose: str) -> bytes:
        """Seal ``content`` for a purpose."""
        ...

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """What was sealed for that purpose. Raises ``BrokenSeal``."""
        ...

    def name_of(self, address: str) -> str:
        """A hash by which all nodes with this seal know an address."""
        ...


class NoSeal:
    """Leaves everything open."""

    def close(self, content: bytes, purpose: str) -> bytes:
        """The content as it is."""
        return content

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """The content as it is."""
        return sealed

    def name_of(self, address: str) -> str:
        """As ``Seal.name_of``; who tries all addresses finds which one it is."""
        return _name(address)


class KeySeal:
    """Seals with ``key``. Raises ``InvalidSetting`` when it is too short to be one."""

    def __init__(self, key: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise InvalidSetting(f"cluster_key: needs at least {SHORTEST_KEY} characters")
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        self._cipher = lru_cache(64)(
            lambda salt: ChaCha20Poly1305(_derive(key, salt, b"proxim cluster"))
        )
        self._naming_key = _derive(key, b"", b"proxim addresses")
        self._salt = secrets.token_bytes(_SALT)
        self._count = 0

    def close(self, content: bytes, purpose: str) -> bytes:
        """As ``Seal.close``."""
        self._count += 1
        nonce = self._count.to_bytes(_NONCE, "big")
        sealed = self._cipher(self._salt).encrypt(nonce, content, purpose.encode())
        return self._salt + nonce + sealed

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """As ``Seal.open``."""
        from cryptography.exceptions import InvalidTag

        salt, nonce, rest = sealed[:_SALT], sealed[_SALT : _SALT + _NONCE], sealed[_SALT + _NONCE :]
        try:
            return self._cipher(salt).decrypt(nonce, rest, purpose.encode())
        except (InvalidTag, ValueError):
            raise BrokenSeal(f"a {purpose.partition(':')[0]} has another seal") from None

    def name_of(self, address: str) -> str:
        """As ``Seal.name_of``; without the key nobody can tell which one it is."""
        return _name(address, self._naming_key)


def _name(address: str, key: bytes = b"") -> str:
    return hashlib.blake2b(address.encode(), key=key, digest_size=12).hexdigest()


def _derive(key: str, salt: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt, purpose).derive(key.encode())

"""The seal on what leaves a node for the coordinator, if the operator gave a key.

What is sealed is bound to what it is for: a snapshot to its session, a batch to its receiver.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from proxim.backends.crypto import BrokenSeal, Sealer, derive
from proxim.protocol.errors import InvalidSetting

__all__ = ["BrokenSeal", "KeySeal", "NoSeal", "Seal"]

SHORTEST_KEY = 32
"""Characters that a key must have."""


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
        self._sealer = Sealer(key, b"proxim cluster")
        self._naming_key = derive(key, b"proxim addresses")

    def close(self, content: bytes, purpose: str) -> bytes:
        """As ``Seal.close``."""
        return self._sealer.close(content, purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """As ``Seal.open``."""
        try:
            return self._sealer.open(sealed, purpose.encode())
        except BrokenSeal:
            raise BrokenSeal(f"a {purpose.partition(':')[0]} has another seal") from None

    def name_of(self, address: str) -> str:
        """As ``Seal.name_of``; without the key nobody can tell which one it is."""
        return _name(address, self._naming_key)


def _name(address: str, key: bytes = b"") -> str:
    return hashlib.blake2b(address.encode(), key=key, digest_size=12).hexdigest()

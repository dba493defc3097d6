"""The seal on what a node writes to Redis for itself and other nodes.

Sealed content opens only for its purpose: a snapshot for its session, a batch for its receiver.
"""

from __future__ import annotations

import hashlib

from proxim.backends.crypto import BrokenSeal, Sealer, derive
from proxim.protocol.errors import InvalidSetting

__all__ = ["BrokenSeal", "Seal"]

SHORTEST_KEY = 32
"""Characters that a key must have."""


class Seal:
    """Seals with a key, if there is one. Raises ``InvalidSetting`` if it is too short."""

    def __init__(self, key: str | None) -> None:
        if key is not None and len(key) < SHORTEST_KEY:
            raise InvalidSetting(f"cluster_key: needs at least {SHORTEST_KEY} characters")
        self._sealer = None if key is None else Sealer(key, b"proxim cluster")
        self._naming_key = b"" if key is None else derive(key, b"proxim addresses")

    def seal(self, content: bytes, purpose: str) -> bytes:
        """Seal ``content`` for a purpose."""
        return content if self._sealer is None else self._sealer.seal(content, purpose.encode())

    def unseal(self, sealed: bytes, purpose: str) -> bytes:
        """Return the content sealed for a purpose. Raises ``BrokenSeal``."""
        if self._sealer is None:
            return sealed
        try:
            return self._sealer.unseal(sealed, purpose.encode())
        except BrokenSeal:
            raise BrokenSeal(f"a {purpose.partition(':')[0]} has another seal") from None

    def name_of(self, address: str) -> str:
        """Return the hash by which all nodes with this key know an address.

        Without a key, a program that tries all addresses finds which one it is.
        """
        return hashlib.blake2b(address.encode(), key=self._naming_key, digest_size=12).hexdigest()

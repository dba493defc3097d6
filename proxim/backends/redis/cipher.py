"""Encrypts what a node writes to Redis for itself and other nodes.

Content is decrypted only for its purpose: a snapshot for its session, a batch for its receiver.
"""

from __future__ import annotations

import hashlib

from proxim.backends.crypto import CannotDecrypt, Cipher, derive
from proxim.protocol.errors import InvalidSetting

__all__ = ["CannotDecrypt", "ClusterCipher"]

SHORTEST_KEY = 32
"""Characters that a key must have."""


class ClusterCipher:
    """Encrypts with the ``cluster_key``, if there is one.

    Raises ``InvalidSetting`` if it is too short.
    """

    def __init__(self, key: str | None) -> None:
        if key is not None and len(key) < SHORTEST_KEY:
            raise InvalidSetting(f"cluster_key: needs at least {SHORTEST_KEY} characters")
        self._cipher = None if key is None else Cipher(key, b"proxim cluster")
        self._naming_key = b"" if key is None else derive(key, b"proxim addresses")

    def encrypt(self, content: bytes, purpose: str) -> bytes:
        """Return ``content``, encrypted for a purpose; as it is without a key."""
        return content if self._cipher is None else self._cipher.encrypt(content, purpose.encode())

    def decrypt(self, encrypted: bytes, purpose: str) -> bytes:
        """Return the content that was encrypted for a purpose. Raises ``CannotDecrypt``."""
        if self._cipher is None:
            return encrypted
        try:
            return self._cipher.decrypt(encrypted, purpose.encode())
        except CannotDecrypt:
            kind = purpose.partition(":")[0]
            raise CannotDecrypt(f"this {kind} was encrypted with another key") from None

    def name_of(self, address: str) -> str:
        """Return the hash by which all nodes with this key know an address.

        Without a key, a program that tries all addresses finds which one it is.
        """
        return hashlib.blake2b(address.encode(), key=self._naming_key, digest_size=12).hexdigest()

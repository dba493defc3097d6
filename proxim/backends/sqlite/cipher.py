"""Encrypts the rows of a store. Each row is bound to its name, and cannot replace another."""

from __future__ import annotations

import hmac
from hashlib import sha256

from proxim.backends.crypto import CannotDecrypt, Cipher, derive

__all__ = ["CannotDecrypt", "RowCipher"]


class RowCipher(Cipher):
    """Encrypts rows with a key derived from ``secret``, and gives them names."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, b"proxim store rows")
        self._names = derive(secret, b"proxim store names")

    def name(self, session_id: str) -> bytes:
        """Return the name of a session's row, which is always the same and reveals nothing."""
        return hmac.digest(self._names, session_id.encode(), sha256)[:16]

"""The seal on the rows of a store. Each is bound to its name, and cannot stand for another."""

from __future__ import annotations

import hmac
from hashlib import sha256

from proxim.backends.crypto import BrokenSeal, Sealer, derive

__all__ = ["BrokenSeal", "Seal"]


class Seal(Sealer):
    """Seals rows with a key that is derived from ``secret``, and names them."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, b"proxim store rows")
        self._names = derive(secret, b"proxim store names")

    def name(self, session_id: str) -> bytes:
        """What a session is called in the file: always the same, and telling nothing of it."""
        return hmac.digest(self._names, session_id.encode(), sha256)[:16]

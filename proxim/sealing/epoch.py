"""The keys of one epoch, and signals sealed with them (sealing: Epochs, Sealed signals)."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from proxim.protocol.tokens import encode
from proxim.sealing.encoding import DoesNotOpen, Role
from proxim.sealing.keys import KeyPair, derive, exchange

MAX_COUNT = 2**53
"""Numbers below this are exact in JavaScript."""


class Epoch:
    """Numbers and seals the signals of one side, and opens those of the other.

    ``id`` names the epoch; ``sent`` is the number of the next signal, ``heard`` that of the latest
    that was opened, -1 before the first.
    """

    def __init__(self, role: Role, secret: bytes, own: KeyPair, peer_key: bytes) -> None:
        shared = exchange(own.private, peer_key)
        keys = (own.public, peer_key) if role == "g" else (peer_key, own.public)
        derived = derive(shared + secret, "epoch", *keys, length=72)
        from_guest, from_host = ChaCha20Poly1305(derived[:32]), ChaCha20Poly1305(derived[32:64])
        self.id = encode(derived[64:])
        self.sent = 0
        self.heard = -1
        self._sealing, self._opening = (
            (from_guest, from_host) if role == "g" else (from_host, from_guest)
        )

    def seal(self, text: bytes) -> tuple[int, bytes]:
        """Return the number of a signal and its ciphertext."""
        number = self.sent
        if number >= MAX_COUNT:
            raise OverflowError("the numbers of this epoch are used up")
        self.sent += 1
        return number, self._sealing.encrypt(_nonce(number), text, None)

    def open(self, number: int, sealed: bytes) -> bytes:
        """Return the text of a signal whose number is higher than ``heard``.

        Raises ``DoesNotOpen``, and then ``heard`` stays as it is.
        """
        try:
            text = self._opening.decrypt(_nonce(number), sealed, None)
        except InvalidTag:
            raise DoesNotOpen from None
        self.heard = number
        return text


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")

"""Messages sealed under the secret of a session (sealing: Boxes)."""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, Role
from proxim.sealing.keys import derive

Kind = Literal["ack", "answer", "hello"]

_NONCE = bytes(12)
"""Each box has a key of its own."""


def seal_box(secret: bytes, kind: Kind, role: Role, text: bytes, draw: Draw) -> bytes:
    """Return ``box(S, kind, role, text)``, sealed by the side ``role``."""
    salt = draw(KEY_BYTES)
    return salt + _cipher(secret, kind, role, salt).encrypt(_NONCE, text, None)


def open_box(secret: bytes, kind: Kind, role: Role, box: bytes) -> bytes:
    """Return the text of a box that the side ``role`` has sealed. Raises ``DoesNotOpen``."""
    salt, sealed = box[:KEY_BYTES], box[KEY_BYTES:]
    try:
        return _cipher(secret, kind, role, salt).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        raise DoesNotOpen from None


def _cipher(secret: bytes, kind: Kind, role: Role, salt: bytes) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(derive(secret, "box", kind.encode(), role.encode(), salt))

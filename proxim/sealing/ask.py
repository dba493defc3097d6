"""The guest's first message, sealed for the host (sealing: The request)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from msgspec import Meta, Struct

from proxim.protocol import device_names
from proxim.protocol.fields import MAX_NAME
from proxim.protocol.tokens import encode
from proxim.sealing import hpke
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, decode, padded, unpadded
from proxim.sealing.keys import link_secrets
from proxim.sealing.link import SealedLink

FIRST = 0x01
"""The first byte of a request by a link."""

RETURN = 0x02
"""The first byte of a request by a guest that was approved before."""

_SIZE = 640
_TAG_BYTES = 16

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]


class _Ask(Struct, frozen=True):
    v: Literal[1]
    name: Name
    k: str


class Ask(NamedTuple):
    """An opened request: the guest's name, its key for epoch 0, and the secret of the session."""

    name: str
    key: bytes
    secret: bytes


def seal_ask(link: SealedLink, name: str, key: bytes, draw: Draw) -> tuple[str, bytes]:
    """Return ``pair_request.seal`` and the secret of the session.

    Raises ``ValueError`` if the name is not allowed.
    """
    _, _, psk, psk_id = link_secrets(link.seed)
    text = padded(_Ask(1, checked_name(name), encode(key)), _SIZE)
    sealed = hpke.seal(link.host_key, psk, psk_id, link.session_id, text, draw)
    return encode(bytes([FIRST]) + sealed.enc + sealed.ciphertext), sealed.secret


def open_ask(content: bytes, session_id: str, seed: bytes, private: bytes) -> Ask:
    """Open the bytes of a ``pair_request.seal``. Raises ``DoesNotOpen``."""
    if content[:1] != bytes([FIRST]) or len(content) != 1 + KEY_BYTES + _SIZE + _TAG_BYTES:
        raise DoesNotOpen
    enc, ciphertext = content[1 : 1 + KEY_BYTES], content[1 + KEY_BYTES :]
    _, _, psk, psk_id = link_secrets(seed)
    text, secret = hpke.unseal(private, psk, psk_id, session_id, enc, ciphertext)
    ask = unpadded(text, _SIZE, _Ask)
    return Ask(opened_name(ask.name), decode(ask.k, KEY_BYTES), secret)


def checked_name(name: str) -> str:
    """Return a name as it is sent. Raises ``ValueError`` if it is not allowed."""
    name = device_names.normalised(name)
    fault = device_names.fault(name)
    if fault or not 1 <= len(name) <= MAX_NAME:
        raise ValueError(f"the name has {fault or f'more than {MAX_NAME} characters'}")
    return name


def opened_name(name: str) -> str:
    """Return a name that the other side sent. Raises ``DoesNotOpen`` if it is not allowed."""
    if device_names.fault(name):
        raise DoesNotOpen
    return device_names.normalised(name)

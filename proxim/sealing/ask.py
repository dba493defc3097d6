"""The guest's first message, sealed for the host (sealing: The request)."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType, structs

from proxim.protocol import device_names
from proxim.protocol.fields import MAX_NAME
from proxim.protocol.tokens import encode
from proxim.sealing import hpke
from proxim.sealing.device import TICKET_BYTES, Context, DeviceKey, Visitor, read_visitor
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, decode, padded, unpadded
from proxim.sealing.keys import link_secrets, pair_of
from proxim.sealing.link import SealedLink

FIRST = 0x01
"""The first byte of a request by a link."""

RETURN = 0x02
"""The first byte of a request by a guest that was approved before."""

_SIZE = 640
_TAG_BYTES = 16

Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]


class _Ask(Struct, frozen=True):
    """A request as it is sealed, in JSON; ``k`` is the guest's key, the others the device's."""

    v: Literal[1]
    name: Name
    k: str
    dk: str | UnsetType = UNSET
    sig: str | UnsetType = UNSET
    t: str | UnsetType = UNSET


class Ask(NamedTuple):
    """An opened request: the guest's name, its key for epoch 0, and the secret of the session.

    ``visitor`` is the device that has signed the request; None if it names no device.
    """

    name: str
    key: bytes
    secret: bytes
    visitor: Visitor | None = None


def seal_ask(
    link: SealedLink,
    name: str,
    key: bytes,
    draw: Draw,
    *,
    device: DeviceKey | None = None,
    ticket: bytes | None = None,
) -> tuple[str, bytes]:
    """Return ``pair_request.seal`` and the secret of the session.

    The key ``device`` signs the request; ``ticket`` is that of a device which the host knows.
    Raises ``ValueError`` if the name is not allowed, or the ticket has no device or 16 bytes.
    """
    if ticket is not None and (device is None or len(ticket) != TICKET_BYTES):
        raise ValueError("a ticket has 16 bytes, and a device that signs")
    _, _, psk, psk_id = link_secrets(link.seed)
    ask = _Ask(1, checked_name(name), encode(key))

    def text_for(enc: bytes) -> bytes:
        if device is None:
            return padded(ask, _SIZE)
        context = Context(link.session_id, psk_id, link.host_key, enc, key)
        ask_of_device = structs.replace(
            ask,
            dk=encode(device.public),
            sig=encode(device.sign(context, ticket)),
            t=UNSET if ticket is None else encode(ticket),
        )
        return padded(ask_of_device, _SIZE)

    sealed = hpke.seal(link.host_key, psk, psk_id, link.session_id, text_for, draw)
    return encode(bytes([FIRST]) + sealed.enc + sealed.ciphertext), sealed.secret


def open_ask(content: bytes, session_id: str, seed: bytes, private: bytes) -> Ask:
    """Open the bytes of a ``pair_request.seal``. Raises ``DoesNotOpen``."""
    if content[:1] != bytes([FIRST]) or len(content) != 1 + KEY_BYTES + _SIZE + _TAG_BYTES:
        raise DoesNotOpen
    enc, ciphertext = content[1 : 1 + KEY_BYTES], content[1 + KEY_BYTES :]
    _, _, psk, psk_id = link_secrets(seed)
    text, secret = hpke.unseal(private, psk, psk_id, session_id, enc, ciphertext)
    ask = unpadded(text, _SIZE, _Ask)
    key = decode(ask.k, KEY_BYTES)
    context = Context(session_id, psk_id, pair_of(private).public, enc, key)
    return Ask(opened_name(ask.name), key, secret, _visitor(ask, context))


def _visitor(ask: _Ask, context: Context) -> Visitor | None:
    ticket = None if ask.t is UNSET else ask.t
    if ask.dk is not UNSET and ask.sig is not UNSET:
        return read_visitor(ask.dk, ask.sig, ticket, context)
    if (ask.dk, ask.sig, ask.t) != (UNSET, UNSET, UNSET):
        raise DoesNotOpen
    return None


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

"""A known device: its key, its signature, and the grant that it keeps (sealing: Known devices)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from proxim.protocol.tokens import encode
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, decode, info

TICKET_BYTES = 16
"""Bytes of a ticket."""

_SIGNATURE_BYTES = 64


class Context(NamedTuple):
    """The request that a signature belongs to: a signature for one request fits no other."""

    session_id: str
    psk_id: bytes
    host_key: bytes
    enc: bytes
    guest_key: bytes


class DeviceKey(NamedTuple):
    """The Ed25519 key of a device (RFC 8032), as bytes. A device has one for each host."""

    private: bytes
    public: bytes

    def sign(self, context: Context, ticket: bytes | None) -> bytes:
        """Return the signature of a request."""
        text = _signed_text(context, self.public, ticket)
        return Ed25519PrivateKey.from_private_bytes(self.private).sign(text)


def new_device_key(draw: Draw) -> DeviceKey:
    """Return a device key from 32 random bytes."""
    return device_key_of(draw(KEY_BYTES))


def device_key_of(private: bytes) -> DeviceKey:
    """Return the device key of its private half."""
    public = Ed25519PrivateKey.from_private_bytes(private).public_key()
    return DeviceKey(private, public.public_bytes_raw())


class Visitor(NamedTuple):
    """The device that a request names, with the key that has signed it, and its ticket, if any."""

    key: bytes
    ticket: bytes | None


def read_visitor(dk: str, sig: str, t: str | None, context: Context) -> Visitor:
    """Return the device of a request. Raises ``DoesNotOpen`` if it has not signed the request."""
    key, signature = decode(dk, KEY_BYTES), decode(sig, _SIGNATURE_BYTES)
    ticket = None if t is None else decode(t, TICKET_BYTES)
    try:
        public = Ed25519PublicKey.from_public_bytes(key)
        public.verify(signature, _signed_text(context, key, ticket))
    except (InvalidSignature, ValueError):
        raise DoesNotOpen from None
    return Visitor(key, ticket)


class Grant(NamedTuple):
    """The standing link and the first ticket, for a device that the host remembers.

    ``left`` is in seconds from now. ``is_auto`` says that the host approves without a question.
    """

    session_id: str
    seed: bytes
    host_key: bytes
    ticket: bytes
    left: float
    is_auto: bool


class WireGrant(Struct, frozen=True):
    """A grant as it is sealed, in JSON."""

    sid: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,128}\Z")]
    seed: str
    key: str
    t: str
    left: Annotated[float, Meta(ge=0)]
    auto: bool


def wire_grant(grant: Grant) -> WireGrant:
    """Return a grant as it is sealed. Raises ``ValueError`` if a part has another length."""
    sizes = (len(grant.seed), len(grant.host_key), len(grant.ticket))
    if sizes != (KEY_BYTES, KEY_BYTES, TICKET_BYTES):
        raise ValueError("a grant has a seed and a key of 32 bytes, and a ticket of 16")
    seed, key, ticket = encode(grant.seed), encode(grant.host_key), encode(grant.ticket)
    return WireGrant(grant.session_id, seed, key, ticket, grant.left, grant.is_auto)


def read_grant(wire: WireGrant) -> Grant:
    """Return the grant that the host sent. Raises ``DoesNotOpen``."""
    seed, host_key = decode(wire.seed, KEY_BYTES), decode(wire.key, KEY_BYTES)
    return Grant(wire.sid, seed, host_key, decode(wire.t, TICKET_BYTES), wire.left, wire.auto)


def _signed_text(context: Context, key: bytes, ticket: bytes | None) -> bytes:
    session_id, *others = context
    return info("device", session_id.encode(), *others, key, ticket or b"")

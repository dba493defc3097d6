"""One side of an approved sealed session (sealing: Sealed signals, Hellos)."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from proxim.protocol import depth
from proxim.protocol.tokens import encode
from proxim.sealing.box import open_box, seal_box
from proxim.sealing.encoding import DoesNotOpen, Draw, Role, decode, read
from proxim.sealing.epoch import MAX_COUNT, Epoch
from proxim.sealing.hello import Hello, HelloMachine, Step, hello_bytes, read_hello
from proxim.sealing.keys import KeyPair, exchange, new_pair

Sealed = dict[str, object]
"""The ``data`` of a signal as the node sees it."""


class Notice(StrEnum):
    """Why a signal was dropped. Show at most one ``TAMPERED`` a minute."""

    TAMPERED = "tampered"
    """The peer did not seal it: it was forged or changed at the node or on the way."""
    LATE = "late"
    """It came twice, or after one that was sent later."""
    BEFORE = "before"
    """It was sealed for an epoch that this side does not have, such as the one before a reload."""


class Received(NamedTuple):
    """What a signal leads to.

    ``data`` is the JSON that the peer sent; ``missed`` counts the signals that are missing before
    it. ``notice`` says why the signal was dropped. ``send`` is to be sent as a signal at once.
    """

    data: Raw | None = None
    missed: int = 0
    notice: Notice | None = None
    send: Sealed | None = None


class _Wire(Struct, frozen=True):
    """The data of a sealed signal: a hello (``h``), or a box (``c``) with epoch and number."""

    s: Literal[1]
    h: str | UnsetType = UNSET
    e: str | UnsetType = UNSET
    n: Annotated[int, Meta(ge=0, lt=MAX_COUNT)] | UnsetType = UNSET
    c: str | UnsetType = UNSET


class SealedPeer:
    """Seals what this side sends, opens what the peer sent, and agrees on new epochs.

    ``secret`` is the secret of the session: keep it where the resume token is kept, and nowhere
    else. Call ``start`` when this side has come back to an approved session: after ``registered``,
    ``resumed`` or a reload. While ``is_ready`` is false, keep what is to be sent.
    """

    def __init__(self, role: Role, secret: bytes, *, draw: Draw = secrets.token_bytes) -> None:
        self.role: Role = role
        self.secret = secret
        self._peer: Role = "h" if role == "g" else "g"
        self._draw = draw
        self._machine = HelloMachine(lambda: new_pair(draw))
        self._epoch: Epoch | None = None
        # Another program may seal in this epoch, too: then this side only opens in it.
        self._is_shared = False

    @property
    def is_ready(self) -> bool:
        """Whether ``seal`` may be called: the sides agree on an epoch, and none is on its way."""
        return self._epoch is not None and not self._is_shared and self._machine.out is None

    @property
    def epoch_id(self) -> str | None:
        """The id of the epoch; None before the first."""
        return None if self._epoch is None else self._epoch.id

    def adopt(self, own: KeyPair, peer_key: bytes, *, is_shared: bool = False) -> None:
        """Begin epoch 0 with the keys of the request and the ack. Raises ``DoesNotOpen``.

        This side only opens in it if its own key ``is_shared``, since it was stored: another
        program that had it would use the same numbers. So call ``start`` then.
        """
        self._epoch = Epoch(self.role, self.secret, own, peer_key)
        self._is_shared = is_shared
        self._machine.adopted = (own.public, peer_key)

    def start(self) -> Sealed:
        """Return the ``data`` of the hello of a side that has come back."""
        return self._signal(self._machine.start())

    def echo(self) -> Sealed | None:
        """Return the ``data`` of a hello that begins no epoch: this side is there.

        None while this side is not ready.
        """
        if self._machine.adopted is None or not self.is_ready:
            return None
        return self._signal(Hello(*self._machine.adopted))

    def start_box(self) -> bytes:
        """Return the box of that hello, for a request to a session that was opened again."""
        return self._box(self._machine.start())

    def seal(self, data: bytes | Raw) -> Sealed:
        """Return the ``data`` of a signal. Raises ``ValueError`` if this side is not ready."""
        if self._epoch is None or not self.is_ready:
            raise ValueError("the two sides have not agreed on an epoch")
        number, sealed = self._epoch.seal(bytes(data))
        return {"s": 1, "e": self._epoch.id, "n": number, "c": encode(sealed)}

    def receive(self, data: bytes | Raw, now: float) -> Received:
        """Return what the ``data`` of a signal leads to; ``now`` is in seconds, of any clock."""
        try:
            wire = read(bytes(data), _Wire)
            if wire.h is UNSET:
                return self._open(wire)
            hello = self.receive_box(decode(wire.h), now)
        except DoesNotOpen:
            return Received(notice=Notice.TAMPERED)
        return Received(send=None if hello is None else self._signal(hello))

    def receive_box(self, box: bytes, now: float) -> Hello | None:
        """Take the hello in a box, and return the hello to send. Raises ``DoesNotOpen``."""
        hello = read_hello(open_box(self.secret, "hello", self._peer, box))
        own = self._machine.out
        if own is not None and hello.answers == own.public:
            # Before the machine changes, so that a key which shares nothing changes nothing.
            exchange(own.private, hello.key)
        step: Step = self._machine.receive(hello, now)
        if step.adopt is not None:
            self._epoch = Epoch(self.role, self.secret, *step.adopt)
            self._is_shared = False
        return step.send

    def answer_box(self, box: bytes, now: float) -> bytes | None:
        """Take the hello in the box of a request, and return the box of the answer, if any.

        Raises ``DoesNotOpen``.
        """
        hello = self.receive_box(box, now)
        return None if hello is None else self._box(hello)

    def _open(self, wire: _Wire) -> Received:
        if wire.e is UNSET or wire.n is UNSET or wire.c is UNSET:
            raise DoesNotOpen
        if self._epoch is None or wire.e != self._epoch.id:
            decode(wire.e, 8)
            return Received(notice=Notice.BEFORE)
        last = self._epoch.heard
        if wire.n <= last:
            return Received(notice=Notice.LATE)
        text = self._epoch.open(wire.n, decode(wire.c))
        return Received(_checked(text), missed=wire.n - last - 1)

    def _signal(self, hello: Hello) -> Sealed:
        return {"s": 1, "h": encode(self._box(hello))}

    def _box(self, hello: Hello) -> bytes:
        return seal_box(self.secret, "hello", self.role, hello_bytes(hello), self._draw)


def _checked(text: bytes) -> Raw:
    """Return JSON that the node would have relayed (protocol: Transport).

    Raises ``DoesNotOpen`` for other text: no honest peer sends it.
    """
    data = read(text, msgspec.Raw)
    # The message around the data counts as a level.
    if depth.is_too_deep(f"[{text.decode()}]"):
        raise DoesNotOpen
    return data.copy()

"""How two sides agree on a new epoch (sealing: Hellos).

Each side echoes the other's key. Only an echo of its own outstanding key makes a side adopt an
epoch, so a key is adopted at most once, whatever is lost, repeated or comes late. Counting hellos,
or adopting the newest key, would deadlock or could be replayed into using a nonce twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from proxim.sealing.encoding import NO_KEY, DoesNotOpen
from proxim.sealing.keys import KeyPair

MAX_ANSWERS = 5
"""Answers to hellos in a second; a peer or a node that sends more of them gets no more."""


class Hello(NamedTuple):
    """A sender's key, and the key of the peer that it answers; ``NO_KEY`` if none."""

    key: bytes
    answers: bytes


class Step(NamedTuple):
    """What a hello leads to: the keys of an epoch to adopt, and a hello to send. Either or none."""

    adopt: tuple[KeyPair, bytes] | None = None
    send: Hello | None = None


class HelloMachine:
    """The state of one side.

    ``out`` is this side's key that waits for its echo. ``adopted`` are the public keys of the
    epoch, this side's first. ``new_pair`` returns a new key pair.
    """

    def __init__(self, new_pair: Callable[[], KeyPair]) -> None:
        self.out: KeyPair | None = None
        self.adopted: tuple[bytes, bytes] | None = None
        self._answered: bytes | None = None
        self._new_pair = new_pair
        self._times: deque[float] = deque(maxlen=MAX_ANSWERS)

    def start(self) -> Hello:
        """Return the first hello of a side that has come back."""
        self.out = self._new_pair()
        self._answered = None
        return Hello(self.out.public, NO_KEY)

    def receive(self, hello: Hello, now: float) -> Step:
        """Return what a hello of the peer leads to; ``now`` is in seconds, of any clock."""
        own = self.out
        if own is not None and hello.answers == own.public:
            self.out = None
            self.adopted = (own.public, hello.key)
            is_told = self._answered == hello.key
            send = None if is_told else Hello(own.public, hello.key)
            return Step((own, hello.key), send)
        if self.adopted == (hello.answers, hello.key) or self._is_flooded(now):
            return Step()
        if own is None:
            own = self.out = self._new_pair()
        self._answered = hello.key
        return Step(send=Hello(own.public, hello.key))

    def _is_flooded(self, now: float) -> bool:
        if len(self._times) == MAX_ANSWERS and now - self._times[0] < 1:
            return True
        self._times.append(now)
        return False


def hello_bytes(hello: Hello) -> bytes:
    """Return the text of a hello's box."""
    return hello.key + hello.answers


def read_hello(text: bytes) -> Hello:
    """Return the hello of a box. Raises ``DoesNotOpen``."""
    if len(text) != 2 * len(NO_KEY):
        raise DoesNotOpen
    return Hello(text[: len(NO_KEY)], text[len(NO_KEY) :])

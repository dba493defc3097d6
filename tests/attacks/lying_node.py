"""A node that lies to the two sides of a sealed session.

It stands between the sides and an honest node, and changes what a side hears. It knows what a node
knows: whatever has passed through it. For some lies it has a photo of the code, too.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.client.between import DOWN, Between

DESK, PHONE = "desk", "phone"
"""The host and the guest."""

OPENING = "the desk opens the session"
ASKING = "the phone asks, and the desk decides"
PHONE_WAITS = "the phone is reloaded before the answer"
DESK_WAITS = "the desk is reloaded before the answer"
TALKING = "both send"
PHONE_RELOADS = "the phone is reloaded"
DESK_RELOADS = "the desk is reloaded"
ALWAYS = frozenset({OPENING, ASKING, PHONE_WAITS, DESK_WAITS, TALKING, PHONE_RELOADS, DESK_RELOADS})
"""The stages of a pairing."""

INTRODUCTIONS = {"register": DESK, "pair_request": PHONE, "resume": PHONE}


def is_signal(message, key="c"):
    """Return whether a message is a sealed signal ("c") or a hello ("h")."""
    return message["type"] == "signal" and key in message["data"]


class LyingNode(Between):
    """Tells its ``lie`` in the stages of that lie, and the truth otherwise.

    ``told`` has what the honest node has told each side in this session, and ``before`` what it has
    told in an earlier one. ``links`` are the links of this session. ``lies`` counts what was
    changed, and ``kept`` has what a lie has put aside.
    """

    def __init__(self, node):
        super().__init__(node)
        self.lie = None
        self.stage = None
        self.told = {DESK: [], PHONE: []}
        self.before = {}
        self.links = []
        self.lies = 0
        self.kept = []
        self._sides = {}

    def next_session(self, lie):
        """Tell a lie in the session that begins; the one before becomes another session."""
        self.lie = lie
        self.before, self.told = self.told, {DESK: [], PHONE: []}
        self.links, self._sides = [], {}

    def count(self, side, kind):
        """Return how many messages of a type the honest node has told a side."""
        return sum(message["type"] == kind for message in self.told[side])

    def count_signals(self, side):
        """Return how many sealed signals the honest node has told a side."""
        return sum(map(is_signal, self.told[side]))

    def pass_on(self, message, way, connection):
        side = self._sides.get(connection)
        if side is None:
            # The welcome comes before a side says which it is. The desk is the first.
            side = PHONE if DESK in self._sides.values() else DESK
        if way != DOWN:
            self._sides[connection] = INTRODUCTIONS.get(message["type"], side)
            return message
        self.told[side].append(message)
        if self.lie is None or self.stage not in self.lie.stages:
            return message
        told = self.lie.tell(self, message, side)
        self.lies += told != message
        return told


class Lie(NamedTuple):
    """A lie, and what comes of it.

    ``tell`` returns what a side hears in place of a message: a message, several, or None.

    ``desk`` and ``phone`` say how the session ends for each side: "closed" if the lie has not ended
    it, and None if that follows from what the other side did. ``notices`` are those that each side
    shows. ``asker`` is the name that the person at the desk is told; ``shows`` says whether the
    phone shows its number.
    """

    kind: str
    name: str
    stages: frozenset[str]
    tell: Callable[[LyingNode, dict, str], dict | list | None]
    desk: str | None = "closed"
    phone: str | None = "closed"
    desk_notices: frozenset[str] = frozenset()
    phone_notices: frozenset[str] = frozenset()
    shows: bool | None = True
    asker: str | None = "Phone"
    declines: bool = False
    """The person at the desk declines."""
    renews: bool = False
    """The desk has renewed its link."""

    def __str__(self):
        return f"{self.kind}, {self.name}"

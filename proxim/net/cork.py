"""The cork: it holds back what is written during one read, so that each peer gets it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxim.net.outbox import Outbox


class Cork:
    """Holds back what is written to the outboxes, so that many frames leave in one call each.

    All connections of a listener share one cork.
    """

    __slots__ = ("_held", "is_in")

    def __init__(self) -> None:
        self.is_in = False
        self._held: list[Outbox] = []

    def put_in(self) -> None:
        """Hold back what is written from now on. No task may wait until ``pull_out``."""
        self.is_in = True

    def hold(self, outbox: Outbox) -> None:
        """Have an outbox flushed when the cork is pulled out."""
        self._held.append(outbox)

    def pull_out(self) -> None:
        """Send what was held back."""
        self.is_in = False
        held, self._held = self._held, []
        for outbox in held:
            outbox.flush()

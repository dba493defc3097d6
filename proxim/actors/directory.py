"""The directory: where sessions are, for those that this node may not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from proxim.actors.seat import Envelope, Inbox, Owner, Receipt
from proxim.actors.supervisor import Supervisor
from proxim.session.session import Session


class Desk(Inbox, Protocol):
    """Where a session is reached, wherever it lives: an actor, or what stands in for one."""

    @property
    def session(self) -> Session:
        """The session; elsewhere, as it was when it was found."""
        ...

    @property
    def owner(self) -> Owner:
        """Whose it is."""
        ...

    def ask(self, envelope: Envelope) -> Receipt:
        """Put something in whose sender waits for the receipt that this returns."""
        ...


class Directory(Protocol):
    """Finds sessions. All of this raises ``Unavailable`` when that cannot be known now."""

    async def find(self, session_id: str) -> Desk | None:
        """Where a session is reached that the supervisor does not have; None if nowhere."""
        ...

    async def owned_by(self, owner: Owner) -> Sequence[Desk]:
        """Where all of an owner's sessions are reached, oldest first."""
        ...

    async def check_room(self, owner: Owner) -> None:
        """Raise ``LimitReached`` unless the owner may open one session more, wherever they are."""


class OnlyHere:
    """The directory of a node that shares nothing."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def find(self, session_id: str) -> Desk | None:
        """What the supervisor does not have there is not."""
        return None

    async def owned_by(self, owner: Owner) -> Sequence[Desk]:
        """Those that the supervisor has."""
        return self._supervisor.owned_by(owner)

    async def check_room(self, owner: Owner) -> None:
        """The supervisor sees to that."""

"""How a node comes by its part in a cluster, if it has one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import trio
from msgspec import Struct

from proxim.actors.directory import Directory, OnlyHere
from proxim.actors.supervisor import Supervisor
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent
from proxim.session.events import Terms

if TYPE_CHECKING:
    from proxim.backends.redis.remote_connections import Relay
    from proxim.backends.redis.shared_limits import Shared


class Terrain(Struct, frozen=True):
    """Where the cluster is, and how it is guarded.

    ``key`` seals what nodes leave there, ``ca`` is a PEM file of those who vouch for a TLS server,
    ``lease`` is in seconds. Without a ``url`` there is no cluster.
    """

    cluster: str | None = None
    cluster_key: str | None = None
    cluster_ca: str | None = None
    cluster_lease: float = 10.0

    def __repr__(self) -> str:
        return represent(self, ("cluster", "cluster_key"))


class Membership(Protocol):
    """A node's part in a cluster, or that it has none."""

    @property
    def directory(self) -> Directory:
        """Where sessions are that the node does not have."""
        ...

    @property
    def farewell(self) -> tuple[int, str]:
        """The code and the reason with which connections are closed when the node stops."""
        ...

    @property
    def trouble(self) -> str:
        """Why the node cannot do all that it is for; empty while it can."""
        ...

    def name_of(self, address: str) -> str:
        """What an address is called wherever something is counted of it."""
        ...

    async def run(
        self,
        relay: Relay,
        shared: Shared,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Take part until cancelled. What is ``shared`` is counted by all nodes together."""

    async def part(self) -> None:
        """Leave, having handed over what there is to hand over."""


class Alone:
    """No cluster."""

    farewell = 1001, "the node is going away"
    trouble = ""

    def __init__(self, supervisor: Supervisor) -> None:
        self.directory: Directory = OnlyHere(supervisor)

    def name_of(self, address: str) -> str:
        """As it is: it is told nobody."""
        return address

    async def run(
        self,
        relay: Relay,
        shared: Shared,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """There is nothing to do."""
        task_status.started()

    async def part(self) -> None:
        """There is nobody to leave."""


@asynccontextmanager
async def join(
    terrain: Terrain,
    supervisor: Supervisor,
    terms: Terms,
    about: Callable[[], dict[str, object]],
) -> AsyncIterator[Membership]:
    """A node's membership. Raises ``InvalidSetting`` when the cluster cannot be joined."""
    if terrain.cluster is None:
        yield Alone(supervisor)
        return
    # What this takes is an extra, and slow to import: only who has a cluster needs it.
    try:
        from proxim.backends.redis.redis_coordinator import connect, parse_url
    except ImportError:
        raise InvalidSetting("cluster: needs more than is installed: proxim[cluster]") from None
    from proxim.backends.redis.backend import Member
    from proxim.backends.redis.coordinator import CoordinatorLost
    from proxim.backends.redis.seal import Seal

    seal = Seal(terrain.cluster_key)
    place = parse_url(terrain.cluster)
    try:
        async with connect(place, ca=terrain.cluster_ca) as coordinator:
            member = Member(
                coordinator,
                supervisor,
                terms=terms,
                seal=seal,
                lease=terrain.cluster_lease,
                about=about,
            )
            supervisor.keeper = supervisor.tenure = member
            yield member
    except CoordinatorLost as error:
        raise InvalidSetting(f"cluster: {place.host}:{place.port}: {error}") from None

"""The methods of a node by which the application that embeds it is a host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import MutableMapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TYPE_CHECKING, Literal

from proxim.client.host import Host
from proxim.client.host_session import HostSession
from proxim.client.kinds import SessionKind
from proxim.embed.decision import Decide, check
from proxim.embed.host import UUID, LocalHost
from proxim.protocol.fields import Confirm

if TYPE_CHECKING:
    from proxim.devices.store import DeviceStore


class Application(ABC):
    """Opens sessions and hosts for the application that embeds the node."""

    @abstractmethod
    def _local_host(self) -> LocalHost:
        """Return what opens sessions. Raises ``ConnectionLost`` while the node does not run."""

    async def open_session(
        self,
        session_type: SessionKind = "one_time",
        *,
        ttl: float | None = None,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        confirm: Confirm = "none",
        join_url: str | None = None,
        sealed: bool = False,
        host_name: str | None = None,
        decide: Decide | None = None,
    ) -> HostSession:
        """Be the host of a new session, in this process. ``ttl`` in seconds is for temporary ones.

        With ``confirm="code"`` the guest shows a code of three digits, and an approval needs it.
        So it does with ``sealed``, and the node has nothing that it could read or forge. The link
        leads to ``join_url``, a page of your own. The guest sees ``host_name``.

        ``decide`` is called when a guest asks to pair: a coroutine function, or a plain one, which
        gets a thread of its own and may wait for a person. Only ``True`` approves, or with
        a code only the code as a ``str``. Without ``decide``, await ``session.prompt()``.

        Raises ``ConnectionLost`` while the node does not run, ``LimitReached`` when there are too
        many sessions, ``BadMessage`` for an unusable type or ``ttl``, ``TypeError``.
        """
        check(decide)
        open_kind = partial(self._local_host().open, session_type, ttl=ttl, token_hash=token_hash)
        open_at = partial(open_kind, qr=qr, confirm=confirm, join_url=join_url)
        return await open_at(sealed=sealed, host_name=host_name, decide=decide)

    def open_host(
        self,
        *,
        uuid: str = UUID,
        key: str | None = None,
        name: str | None = None,
        seals: MutableMapping[str, str] | None = None,
        devices: DeviceStore | None = None,
    ) -> AbstractAsyncContextManager[Host]:
        """Be a host in this process, with devices that come again: see ``proxim.open_host``.

        Use it in an ``async with`` block, which ends before the node does. ``devices`` keeps the
        known devices; give the node a ``port`` of its own, since they come to its address again.
        A node with a store, or in a cluster, remembers its sessions: give it the same ``uuid`` and
        ``key`` each time.

        Raises ``ConnectionLost`` while the node does not run, and what ``proxim.open_host`` raises.
        """
        host = self._local_host()
        return host.open_host(uuid=uuid, key=key, name=name, seals=seals, devices=devices)

"""The known devices of a host: their records, their standing sessions, and their visits.

Import this module only when a device is known or remembered: it imports ``cryptography``.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

import trio
from msgspec import structs

from proxim.client.connection import NodeConnection
from proxim.client.denials import Denials
from proxim.client.devices import FEATURES, Device, Remember, check_wish, device_of
from proxim.client.host_session import HostSession
from proxim.client.sealed_host import HostProfile, HostSecret
from proxim.client.visit import Visit, asks_anew, say_forgotten
from proxim.devices.book import DeviceBook
from proxim.devices.record import EXPIRED_KEPT, KnownDevice
from proxim.devices.standing import grant_of, link_keys, new_device, opening
from proxim.devices.store import DeviceStore
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    LimitReached,
    NotSupported,
    ProximError,
    RateLimited,
    RequestError,
    SessionOver,
    Unavailable,
    UnknownSession,
)
from proxim.protocol.messages import Reason, SessionInfo, SessionType, Status
from proxim.sealing.host import SealedHost

log = logging.getLogger(__name__)

MOST_ARRIVED = 64
"""Visits that wait until the program takes them; more than that, and the oldest is left out."""

TRY_AGAIN = 60.0
"""Seconds after which a standing session that could not be opened is tried again."""


class KnownDevices:
    """The devices that a host knows, by the id of their standing sessions.

    ``visits`` are the standing sessions that are open at the node, also those that wait.
    ``opening`` are the devices for which one is being opened, by the ``ref`` of the request.
    """

    def __init__(
        self,
        connection: NodeConnection,
        profile: HostProfile,
        store: DeviceStore,
        seats: list[str] | None,
        denials: Denials,
    ) -> None:
        self.connection = connection
        self.denials = denials
        self.visits: dict[str, Visit] = {}
        self.opening: dict[str, KnownDevice] = {}
        self._profile = profile
        self.book = DeviceBook(store)
        self._seats = seats
        self._boot: str | None = None
        # Visits that the node has forgotten, and sessions of earlier programs, which must end.
        self._forgotten: set[str] = set()
        self._stale: set[str] = set()
        self._ids: set[str] = set()  # As stored when the host registered last, and later ones.
        self._brought: dict[str, HostSession] = {}
        self._arrived: deque[Visit] = deque(maxlen=MOST_ARRIVED)
        self._over: ProximError | None = None
        self._has_begun = self._is_full = False
        self._wanted = trio.Event()
        self._changed = trio.lowlevel.ParkingLot()

    # -- for programs --------------------------------------------------------------------------

    def list(self) -> list[Device]:
        """Return the known devices, the oldest first. Raises what the store raises."""
        return sorted(map(self.describe, self.book.current()), key=lambda device: device.since)

    def describe(self, record: KnownDevice) -> Device:
        """Return a device as programs see it."""
        visit = self.visits.get(record.session_id)
        is_here = visit is not None and visit.status is Status.APPROVED and visit.peer_online
        return device_of(record, is_here=is_here)

    async def next_visit(self) -> Visit:
        """Wait for a visit. Raises the error that ended the connection."""
        await trio.lowlevel.checkpoint()
        while True:
            while self._arrived:
                visit = self._arrived[0]  # It stays there if this is cancelled.
                await visit._welcome()
                if visit in self._arrived:
                    self._arrived.remove(visit)
                    if visit.over is None or visit.is_told:
                        return visit
            if self._over is not None:
                raise self._over
            await self._changed.park()

    async def remember(self, session: HostSession, code: str, wish: Remember) -> wire.PairResult:
        """Approve a guest by its code, and remember its device.

        Raises what ``Prompt.approve`` raises.
        """
        secret = session._need_secret()
        if secret.decision is not None or not secret.is_right(code):
            return await session.decide(approve=True, code=code)
        visitor = secret.visitor
        if visitor is None:
            raise NotSupported("the program of the guest does not let its device be remembered")
        if not FEATURES.issubset(self.connection.features):
            raise NotSupported("this node is too old to remember devices")
        check_wish(wish)
        now, draw = time.time(), secrets.token_bytes
        record = new_device(visitor.key, wish.name, wish.policy, wish.end, now, draw)
        record = structs.replace(record, end=await self._open(record))
        visit = self.visits.get(record.session_id)
        if visit is None:
            raise ConnectionLost("the node has ended the session for the device at once")
        visit.record, visit._need_secret().ends_at = record, record.end
        try:
            self.book.add(record)
        except BaseException:
            visit._abandon(_over("closed"))
            raise
        self._brought[record.session_id] = session

        async def settle() -> None:
            await session.wait_approved()
            if not secret.is_approved:
                with suppress(UnknownSession):
                    await self.forget(record.session_id)
            await session.wait_over()
            self._brought.pop(record.session_id, None)

        self.connection.start_soon(settle)
        return await session._decide(approve=True, code=code, known=grant_of(record, time.time()))

    async def forget(self, device_id: str) -> None:
        """Forget a device, and end its visit. Raises ``UnknownSession`` if no device has the id."""
        if not self.book.drop(device_id, is_closed=self.connection.online):
            raise UnknownSession("no known device has this id")
        if self._seats is not None and device_id in self._seats:
            self._seats.remove(device_id)
        session = self._brought.pop(device_id, None)
        if session is not None and session.over is None and session.status is Status.APPROVED:
            await say_forgotten(session)
        visit = self.visits.pop(device_id, None)
        if visit is not None:
            await visit._forget()
        else:
            self.connection.abandon(device_id)

    # -- for visits ----------------------------------------------------------------------------

    def arrived(self, visit: Visit) -> None:
        """Let the program know of a visit."""
        self._arrived.append(visit)
        self._wake()

    def closed(self, visit: Visit) -> None:
        """Open the standing session of a visit again that has ended, unless it is forgotten."""
        if self.visits.get(visit.session_id) is visit:
            del self.visits[visit.session_id]
        self._wake()

    def finish(self, error: ProximError) -> None:
        """End all visits, since the connection does not come back."""
        self._over = error
        for visit in list(self.visits.values()):
            visit._finish(error)
        self._wake()

    # -- standing sessions ---------------------------------------------------------------------

    def handle(self, message: wire.NodeMessage, session_id: str) -> None:
        """Handle a message about a standing session."""
        visit = self.visits[session_id]
        if visit.status is Status.APPROVED and asks_anew(message):
            # The node was restarted, and the device does not come back to its visit.
            visit._finish(_over("lost"))
            visit = self._new_visit(visit.record, visit.info)
        visit._handle(message)

    def has(self, session_id: str) -> bool:
        """Return whether an id is that of a standing session."""
        return session_id in self.visits or session_id in self._ids

    def resume(self, infos: Mapping[str, SessionInfo], boot: str | None) -> None:
        """Take the standing sessions that the node knows; note what is to be opened again."""
        live = {
            session_id: info
            for session_id, info in infos.items()
            if not isinstance(info.reason, Reason)
            and (self._seats is None or session_id in self._seats)
        }
        was_restarted = self._boot not in (None, boot)
        self._boot = boot
        self._forgotten.clear()
        self._stale.clear()
        for session_id, visit in list(self.visits.items()):
            info = live.get(session_id)
            is_approved = visit.status is Status.APPROVED
            if info is not None and (not is_approved or info.status is Status.APPROVED):
                visit._update(info)
            elif info is None and is_approved and was_restarted:
                self._forgotten.add(session_id)
            else:
                visit._finish(_over("lost"))
        records = self.book.try_load() or ()
        self._ids = {record.session_id for record in records}
        for record in records:
            info = live.get(record.session_id)
            if info is not None and record.session_id not in self.visits:
                if info.status is Status.PENDING:
                    self._new_visit(record, info)
                else:
                    self._stale.add(record.session_id)

    def _wake(self) -> None:
        self._changed.unpark_all()
        self._wanted.set()

    def begin(self) -> None:
        """Open standing sessions from now on, if the connection is there."""
        if not self._has_begun:
            with suppress(ConnectionLost):
                self.connection.start_soon(self._run)
                self._has_begun = True

    async def _run(self) -> None:
        self.connection.when_online.add(self._wake)
        while True:
            wanted = self._wanted = trio.Event()
            pause = math.inf
            with suppress(ConnectionLost):  # The next connection opens them.
                pause = await self.open_missing()
            with trio.move_on_after(pause):
                await wanted.wait()

    async def open_missing(self, *, introduces: bool = False) -> float:
        """Open the standing sessions that are not open; return in how many seconds to try again.

        Ends the visits of devices whose time is over. Raises ``ConnectionLost``.
        """
        if not FEATURES.issubset(self.connection.features):
            return math.inf
        records = self.book.try_load()
        pause = math.inf if records is not None else TRY_AGAIN
        for session_id in self.book.to_close() if records is not None else ():
            await self._close(session_id, introduces)
            self.book.try_drop(session_id)
        for record in records or ():
            if record.end <= time.time():
                self._expire(record)
        for record in records or ():
            is_open = record.session_id in self.visits and record.session_id not in self._forgotten
            if is_open or record.end <= time.time():
                continue
            try:
                await self._open(record, introduces=introduces)
            except (RateLimited, Unavailable) as error:
                return max(1.0, error.retry_after or 0.0)
            except LimitReached as error:
                if not self._is_full:
                    log.warning("not all known devices can come now: %s", error)
                self._is_full = True
                return TRY_AGAIN
            except RequestError as error:
                log.warning("a known device cannot come now: %s", error)
                pause = TRY_AGAIN
                if record.session_id in self._forgotten:
                    self._forgotten.discard(record.session_id)
                    self.visits[record.session_id]._finish(_over("lost"))
        self._is_full = False
        return pause

    def _expire(self, record: KnownDevice) -> None:
        if record.end + EXPIRED_KEPT <= time.time():
            self.book.try_drop(record.session_id)
        if record.session_id in self.visits:
            self.visits[record.session_id]._abandon(_over("expired"))

    async def _open(self, record: KnownDevice, *, introduces: bool = False) -> float:
        """Open a standing session, and return when the link ends. Raises what the node says."""
        session_id = record.session_id
        if session_id in self._stale:
            await self._close(session_id, introduces)
        while True:
            ref = self.connection.new_ref()
            self.opening[ref] = record
            try:
                request = structs.replace(opening(record, time.time()), ref=ref)
                created = await self.connection.call(
                    request, wire.SessionCreated, introduces=introduces
                )
            finally:
                del self.opening[ref]
            if session_id not in self._stale:
                return min(record.end, time.time() + created.pair_within)
            await self._close(session_id, introduces)

    async def _close(self, session_id: str, introduces: bool) -> None:
        self._stale.discard(session_id)
        request = wire.CloseSession(session_id=session_id)
        with suppress(SessionOver, UnknownSession):
            await self.connection.call(request, wire.SessionEnded, introduces=introduces)

    def created(self, created: wire.SessionCreated, record: KnownDevice) -> None:
        """Take a standing session that was opened. Raises ``ConnectionLost`` if it is another."""
        info = created.session
        if info.session_id != record.session_id:
            raise ConnectionLost("the node opened another session than the one that was meant")
        if info.session_id in self._forgotten:
            self._forgotten.discard(info.session_id)
            self.visits[info.session_id]._reopened(created)
        elif info.status is Status.PENDING and info.device_info is None:
            self._new_visit(record, info)
        else:
            self._stale.add(info.session_id)
        if self._seats is not None and info.session_id not in self._seats:
            self._seats.append(info.session_id)

    def _new_visit(self, record: KnownDevice, info: SessionInfo) -> Visit:
        host = SealedHost(record.session_id, link_keys(record))
        secret = HostSecret(host, self._profile, {}, SessionType.PERSISTENT, record.end)
        self._ids.add(record.session_id)
        visit = self.visits[record.session_id] = Visit(self, record, info, secret)
        return visit


def _over(reason: str) -> SessionOver:
    return SessionOver(Status.EXPIRED, reason)

"""The grants of a device: saved when a host remembers it, read and replaced at each visit.

Import this module only when a guest has a store of grants: it imports ``cryptography``.
"""

from __future__ import annotations

import logging
import secrets
import time
import unicodedata
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec
import trio
from msgspec import Raw, Struct, structs

from proxim.client.sealed_guest import GuestSecret
from proxim.devices.store import GrantStore, HostGrant
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    ConnectionLost,
    HostOffline,
    LinkLapsed,
    SessionOver,
    TokenUsed,
    UnknownSession,
)
from proxim.sealing.answer import Answer, Gone, read_gone
from proxim.sealing.device import Grant, device_key_of, new_device_key
from proxim.sealing.link import SealedLink

if TYPE_CHECKING:
    from proxim.client.guest import Guest

log = logging.getLogger(__name__)

LOOK_EVERY = 0.05
"""Seconds between two attempts to take the lock of a store."""

ANSWER_TIME = 10.0
"""Seconds for a node to answer a visit's request: the device asks no other host meanwhile."""

PATIENCE = 30.0
"""Seconds to wait for the lock before a grant is stored, also while the program ends."""

EXPIRED = "the time for which the host remembers this device is over: pair again"

NOT_NOW = (
    "the host cannot be reached now: its program does not run, or it does not know this device any "
    "more; try again later"
)


class GrantKeeper:
    """The grant of one guest, in a store that other programs of the device use, too.

    ``grant`` is the grant; None while the host has not given one. ``is_visit`` says whether the
    guest came by it. ``name`` is what the guest calls itself.
    """

    def __init__(self, store: GrantStore, name: str, grant: HostGrant | None = None) -> None:
        self.grant = grant
        self.is_visit = grant is not None
        self.device = (
            new_device_key(secrets.token_bytes) if grant is None else device_key_of(grant.private)
        )
        self.name = name
        self._store = store
        self._may_send = True
        self._is_stored = trio.Event()
        self._is_stored.set()

    # -- a visit -------------------------------------------------------------------------------

    def request(self) -> tuple[GuestSecret, wire.PairRequest]:
        """Return the secrets and the request of a visit. Raises ``BadMessage`` for a wrong name."""
        grant = self.grant
        assert grant is not None
        parts = SealedLink(grant.node_url, grant.session_id, grant.seed, grant.host_key)
        return GuestSecret.ask_by(parts, self.name, self.device, grant.ticket)

    async def ask(self, guest: Guest, request: wire.PairRequest) -> None:
        """Ask with the ticket that is stored now; the lock is held until the node has answered.

        Raises ``HostOffline`` if the host does not have the session now: that deletes nothing.
        Raises ``ConnectionLost`` if the node does not answer in ``ANSWER_TIME``.
        """
        assert self.grant is not None
        async with self._locked():
            current = self._find(self._store.load())
            if current is None:
                raise UnknownSession("the grant is not in the store any more")
            if current.ticket != self.grant.ticket:
                # Another program of this device was there in the meantime.
                self.grant = current
                guest._secret, request = self.request()
            if current.end <= time.time():
                raise LinkLapsed(EXPIRED)
            try:
                with trio.fail_after(ANSWER_TIME):
                    await guest._connection.call(request, wire.PairPending, introduces=True)
            except trio.TooSlowError:
                raise ConnectionLost("the node does not answer a request to visit") from None
            except (UnknownSession, HostOffline, SessionOver):
                raise HostOffline(NOT_NOW, session_id=current.session_id) from None
            except LinkLapsed:
                raise LinkLapsed(EXPIRED) from None
            except TokenUsed:
                why = (
                    "another program of this device visits the host, or its last visit has not "
                    "ended yet: try again in two minutes"
                )
                raise TokenUsed(why, session_id=current.session_id) from None

    # -- what the host says --------------------------------------------------------------------

    def take(self, guest: Guest, answer: Answer) -> None:
        """Store what the host's answer brings, before this guest sends anything."""
        if isinstance(answer.known, Grant) and not self.is_visit:
            self.grant = self._new_grant(guest.node_url, answer.terms.name, answer.known)
            self._store_soon(guest, self.grant, is_new=True)
        elif isinstance(answer.known, bytes) and self.grant is not None:
            self.grant = structs.replace(self.grant, ticket=answer.known, name=answer.terms.name)
            self._store_soon(guest, self.grant)
        elif answer.gone is not None:
            self.forget(guest)

    def forget(self, guest: Guest) -> None:
        """Delete the grant: the host has said, sealed, that it does not know this device."""
        grant, self.grant = self.grant, None
        if grant is not None:
            self._store_soon(guest, grant, is_gone=True)

    async def wait_stored(self) -> bool:
        """Wait until the store has what the host said; return whether the guest may go on."""
        await self._is_stored.wait()
        return self._may_send

    def _store_soon(
        self, guest: Guest, grant: HostGrant, *, is_new: bool = False, is_gone: bool = False
    ) -> None:
        """Put a grant into the store, or delete it there.

        One that the store has of the same session stays if the grant is new, or of another host.
        Its name is unlike those of the others: a host could take the name of another one.
        """
        stored = self._is_stored = trio.Event()

        async def store() -> None:
            try:
                with trio.fail_after(PATIENCE) as scope:
                    scope.shield = True  # A program that ends has visited the host, too.
                    async with self._locked():
                        entries = self._store.load()
                        found = _of_session(entries, grant.session_id)
                        if found is not None and not _is_same_host(found, grant):
                            # The node has told another host the id, which takes no place of this.
                            self.grant = None
                            log.warning("a grant was dropped: another host has that session")
                        elif found is not None and is_new:
                            self.grant = found  # It came twice: its ticket may be an old one.
                        else:
                            others = [each for each in entries if each is not found]
                            kept = _named(grant, others)
                            if self.grant is grant:
                                self.grant = kept
                            self._store.save(others if is_gone else [*others, kept])
            except Exception as error:
                log.error("a grant could not be stored: %s", error)
                self._may_send = not self.is_visit
                if self.is_visit:
                    guest._abandon(ConnectionLost("the ticket for the next visit was not stored"))
            finally:
                stored.set()

        guest._connection.start_soon(store)

    def _find(self, entries: list[HostGrant]) -> HostGrant | None:
        assert self.grant is not None
        return _of_session(entries, self.grant.session_id)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        while not self._store.try_lock():  # noqa: ASYNC110 - another program has it
            await trio.sleep(LOOK_EVERY)
        try:
            yield
        finally:
            self._store.unlock()

    def _new_grant(self, node_url: str, name: str, grant: Grant) -> HostGrant:
        return HostGrant(
            node_url=node_url,
            session_id=grant.session_id,
            name=name,
            seed=grant.seed,
            host_key=grant.host_key,
            private=self.device.private,
            ticket=grant.ticket,
            end=time.time() + grant.left,
            is_auto=grant.is_auto,
        )


def _of_session(entries: list[HostGrant], session_id: str) -> HostGrant | None:
    return next((each for each in entries if each.session_id == session_id), None)


def _named(grant: HostGrant, others: list[HostGrant]) -> HostGrant:
    """Return a grant whose name has a number if another one has that name, or looks the same."""
    taken = {_folded(each.name) for each in others}
    names = (grant.name, *(f"{grant.name} ({number})" for number in range(2, len(others) + 3)))
    name = next(each for each in names if _folded(each) not in taken)
    return structs.replace(grant, name=name)


def _folded(name: str) -> str:
    """Return a name without what makes no difference to the eye: case, width, other spaces."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _is_same_host(one: HostGrant, other: HostGrant) -> bool:
    return (one.node_url, one.host_key) == (other.node_url, other.host_key)


class _Known(Struct, frozen=True):
    gone: str


class _Word(Struct, frozen=True):
    known: _Known


def read_word(data: Raw) -> Gone | None:
    """Return why the host forgets the device, if a signal says so (sealing: Known devices)."""
    if b'"known"' not in bytes(data):
        return None
    try:
        return read_gone(msgspec.json.decode(data, type=_Word).known.gone)
    except msgspec.MsgspecError:
        return None

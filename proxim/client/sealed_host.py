"""The secrets of a sealed session at its host, and where they are stored.

Import this module only when a session is sealed: it imports ``cryptography``.
"""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import NamedTuple

import msgspec

from proxim import clock
from proxim.client.notices import Notice
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage
from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Terms
from proxim.sealing.host import (
    Asked,
    Decision,
    HostState,
    LinkKeys,
    Refused,
    Returned,
    SealedHost,
    Verdict,
    new_link,
)
from proxim.sealing.peer import SealedPeer

Seals = MutableMapping[str, str]
"""Where a program keeps the secrets of its sealed sessions: a text for each session id."""

__all__ = ["NOTICES", "Asked", "HostSeal", "Place", "Refused", "Returned", "new_request"]

OWN_TOKEN = "a sealed session makes the token of its link itself: leave out `token_hash`"

NOTICES = {Refused.TAMPERED: Notice.TAMPERED, Refused.DOES_NOT_OPEN: Notice.UNOPENED}


class Place(NamedTuple):
    """Whose secrets these are: the node and the owner, and where their links lead."""

    node_url: str
    owner: str
    page: str
    name: str


class _Stored(msgspec.Struct, frozen=True):
    node_url: str
    owner: str
    page: str
    session_type: SessionType
    ends_at: float | None
    host: HostState


def owner_of(text: str) -> tuple[str, str] | None:
    """Return the URL of the node and the owner of a stored text; None if it is not one."""
    try:
        stored = msgspec.json.decode(text, type=_Stored)
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return stored.node_url, stored.owner


def new_request(
    session_type: SessionType, ttl: float | None, token_hash: str | None
) -> tuple[LinkKeys, wire.CreateSession]:
    """Return the keys of a new link, and the request that opens a sealed session for it.

    Raises ``BadMessage`` if the application has a ``token_hash``.
    """
    if token_hash is not None:
        raise BadMessage(OWN_TOKEN)
    keys = new_link()
    request = wire.CreateSession(
        session_type=session_type, ttl=ttl, token_hash=keys.token_hash, seal=1
    )
    return keys, request


class HostSeal:
    """The secrets of one session at its host. They are stored in ``seals`` after each change.

    ``ends_at`` is a moment of the wall clock, or None.
    """

    def __init__(
        self,
        host: SealedHost,
        place: Place,
        seals: Seals,
        session_type: SessionType,
        ends_at: float | None,
    ) -> None:
        self._host = host
        self._place = place
        self._seals = seals
        self._session_type = session_type
        self._ends_at = ends_at
        self._store()

    @classmethod
    def create(
        cls,
        session_id: str,
        keys: LinkKeys,
        request: wire.CreateSession,
        place: Place,
        seals: Seals,
    ) -> HostSeal:
        """Return the secrets of a session that ``request`` has opened, whose link has ``keys``."""
        ends_at = None if request.ttl is None else time.time() + request.ttl
        return cls(SealedHost(session_id, keys), place, seals, request.session_type, ends_at)

    @classmethod
    def restore(cls, session_id: str, place: Place, seals: Seals) -> HostSeal | None:
        """Return the secrets that an earlier program has stored; None if there are none."""
        try:
            stored = msgspec.json.decode(seals[session_id], type=_Stored)
        except (KeyError, msgspec.MsgspecError, UnicodeError):
            return None
        host = SealedHost.restore(session_id, stored.host)
        place = place._replace(page=stored.page)
        return cls(host, place, seals, stored.session_type, stored.ends_at)

    @property
    def link(self) -> str | None:
        """The link to show; None once a guest has asked."""
        if not self._host.has_keys:
            return None
        return self._host.link("").on_page(self._place.page)

    @property
    def guest_name(self) -> str | None:
        """The name that the guest has sealed; None before."""
        return self._host.guest_name

    @property
    def peer(self) -> SealedPeer | None:
        """What seals the signals; None before the approval."""
        return self._host.peer

    def again(self) -> HostSeal:
        """Return the secrets as they are stored now, perhaps by another program."""
        return HostSeal.restore(self._host.session_id, self._place, self._seals) or self

    def lead_to(self, page: str) -> None:
        """Have the links lead to a page."""
        self._place = self._place._replace(page=page)

    def renew(self) -> LinkKeys:
        """Return the keys of a new link, which are stored already."""
        keys = self._host.renew()
        self._store()
        return keys

    def renewed(self, keys: LinkKeys) -> None:
        """Forget the links before that of ``keys``, which the node has confirmed."""
        self._host.renewed(keys)
        self._store()

    def take_prompt(self, seal: str | None) -> Verdict:
        """Return what to do about the ``seal`` of a prompt."""
        verdict = self._host.take_prompt(seal, clock.now())
        self._store()
        return verdict

    @property
    def decision(self) -> Decision | None:
        """The decision that was made, to send it again."""
        return self._host.decision()

    def decide(self, *, approve: bool, code: str | None) -> Decision:
        """Return the decision about the request; without a ``code`` an approval is unchecked.

        Raises ``ValueError`` if there is no request to decide.
        """
        decision = self._host.decision()
        if decision is not None:
            return decision
        left = None if self._ends_at is None else max(0.0, self._ends_at - time.time())
        terms = Terms(self._place.name, self._session_type, left)
        if not approve:
            decision = self._host.decline(terms)
        elif code is None:
            decision = self._host.approve_unchecked(terms)
        else:
            decision = self._host.approve(code, terms)
        self._store()
        return decision

    def forget(self) -> None:
        """Delete what is stored: the session has ended."""
        self._seals.pop(self._host.session_id, None)

    def _store(self) -> None:
        node_url, owner, page, _ = self._place
        stored = _Stored(node_url, owner, page, self._session_type, self._ends_at, self._host.state)
        self._seals[self._host.session_id] = msgspec.json.encode(stored).decode()

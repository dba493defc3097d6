"""The secrets of a sealed session at its host, and where they are stored.

Import this module only when a session is sealed: it imports ``cryptography``.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from proxim import clock
from proxim.client.names import checked_name
from proxim.client.notices import Notice
from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import BadMessage, ConnectionLost
from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Gone, Terms
from proxim.sealing.device import Grant, Visitor
from proxim.sealing.encoding import KEY_BYTES
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

if TYPE_CHECKING:
    from proxim.client.host_session import HostSession

SecretStore = MutableMapping[str, str]
"""Where a program keeps the secrets of its sealed sessions: a text for each session id."""

__all__ = ["NOTICES", "Asked", "HostProfile", "HostSecret", "Refused", "Returned", "open_sealed"]

OWN_TOKEN = "a sealed session makes the token of its link itself: leave out `token_hash`"

NewSecret = Callable[[str], "HostSecret"]
"""Returns the secrets of a new session, by its id."""

_REOPENED_FOR = 90 * 86_400.0
"""Seconds for which a guest can come back to a persistent session that was opened again, at most.
"""

NOTICES = {Refused.TAMPERED: Notice.TAMPERED, Refused.DOES_NOT_OPEN: Notice.UNOPENED}


class HostProfile(NamedTuple):
    """Whose secrets these are, where their links lead, and the name that a guest is told."""

    node_url: str
    owner: str
    page: str
    name: str


class Origin(NamedTuple):
    """How a session can be opened again: by its ``nonce``, at a node of another ``boot``.

    ``is_approved`` if the node has said so: before, the guest may not have heard of it. A link that
    waits works until ``lapses_at``, on the wall clock.
    """

    nonce: str
    boot: str
    is_approved: bool = False
    lapses_at: float = 0.0


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    profile: HostProfile = msgspec.field(name="place")
    session_type: SessionType
    ends_at: float | None
    host: HostState
    origin: Origin | None = None


def owner_of(text: str) -> tuple[str, str] | None:
    """Return the URL of the node and the owner of a stored text; None if it is not one."""
    try:
        profile = msgspec.json.decode(text, type=_Stored).profile
    except (msgspec.MsgspecError, UnicodeError):
        return None
    return profile.node_url, profile.owner


async def open_sealed(
    plain: wire.CreateSession,
    create: Callable[[wire.CreateSession, NewSecret], Awaitable[HostSession]],
    profile: HostProfile,
    seals: SecretStore,
    boot: str | None = None,
) -> HostSession:
    """Open a session as ``plain`` describes it, but sealed; return it with its first link.

    ``create`` sends the request, and makes the session with its secrets when the reply comes.
    ``profile`` has the page and the name, unless ``plain`` has others. With the ``boot`` of a node
    that takes nonces, the session can be opened again after a restart of the node.

    Raises ``BadMessage`` if ``plain`` has a token hash, or a name that is not allowed, and
    ``ConnectionLost`` if the node gives the session another id than that of its nonce.
    """
    if plain.token_hash is not None:
        raise BadMessage(OWN_TOKEN)
    name = profile.name if plain.host_name is None else checked_name(plain.host_name)
    profile = profile._replace(page=plain.join_url or profile.page, name=name)
    keys, kind = new_link(), plain.session_type
    origin = None if boot is None else Origin(tokens.encode(secrets.token_bytes(KEY_BYTES)), boot)
    nonce = None if origin is None else origin.nonce

    def new_secret(session_id: str) -> HostSecret:
        if nonce is not None and session_id != tokens.session_id_of(nonce):
            raise ConnectionLost("the node gave a new session an id that is not that of its nonce")
        ends_at = None if plain.ttl is None else time.time() + plain.ttl
        return HostSecret(SealedHost(session_id, keys), profile, seals, kind, ends_at, origin)

    request = wire.CreateSession(
        session_type=kind, ttl=plain.ttl, token_hash=keys.token_hash, seal=1, nonce=nonce
    )
    session = await create(request, new_secret)
    await session._show_sealed_link(plain.qr)
    return session


class HostSecret:
    """The secrets of one session at its host. They are stored in ``seals`` after each change.

    ``ends_at`` is a moment of the wall clock, or None.
    """

    def __init__(
        self,
        host: SealedHost,
        profile: HostProfile,
        seals: SecretStore,
        session_type: SessionType,
        ends_at: float | None,
        origin: Origin | None = None,
    ) -> None:
        self._host = host
        self._profile = profile
        self._seals = seals
        self._session_type = session_type
        self.ends_at = ends_at
        self._origin = origin
        # Whether this program has had the seat: otherwise it may have missed the session's end.
        self._has_held = False
        self._store()

    @classmethod
    def restore(cls, session_id: str, seals: SecretStore) -> HostSecret | None:
        """Return the secrets that an earlier program has stored; None if there are none."""
        try:
            stored = msgspec.json.decode(seals[session_id], type=_Stored)
        except (KeyError, msgspec.MsgspecError, UnicodeError):
            return None
        host = SealedHost.restore(session_id, stored.host)
        return cls(host, stored.profile, seals, stored.session_type, stored.ends_at, stored.origin)

    @property
    def link(self) -> str | None:
        """The link to show; None once a guest has asked."""
        if not self._host.has_keys:
            return None
        return self._host.link("").on_page(self._profile.page)

    @property
    def guest_name(self) -> str | None:
        """The name that the guest has sealed; None before."""
        return self._host.guest_name

    @property
    def peer(self) -> SealedPeer | None:
        """What seals the signals; None before the approval."""
        return self._host.peer

    def reloaded(self) -> HostSecret:
        """Return the secrets as they are stored now, perhaps by another program."""
        return HostSecret.restore(self._host.session_id, self._seals) or self

    def lead_to(self, page: str) -> None:
        """Have the links lead to a page."""
        self._profile = self._profile._replace(page=page)

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
    def is_over(self) -> bool:
        """Whether the time of the session is up, by this program's clock."""
        return self.ends_at is not None and time.time() >= self.ends_at

    @property
    def decision(self) -> Decision | None:
        """The decision that was made, to send it again."""
        return self._host.decision()

    @property
    def is_approved(self) -> bool:
        """Whether a node that can open the session again has said that it is approved."""
        return self._origin is not None and self._origin.is_approved

    @property
    def visitor(self) -> Visitor | None:
        """The device that has signed the request which waits for a decision, if it names one."""
        return self._host.visitor

    @property
    def guest_key(self) -> bytes:
        """The guest's key in the request which waits. Raises ``ValueError`` if there is none."""
        return self._host.guest_key

    def is_right(self, code: str) -> bool:
        """Return whether the code is right. Raises ``ValueError`` if no request waits."""
        return self._host.is_right(code)

    def decide(
        self,
        *,
        approve: bool,
        code: str | None = None,
        known: Grant | bytes | None = None,
        gone: Gone | None = None,
    ) -> Decision:
        """Return the decision about the request; without a ``code`` an approval is unchecked.

        ``known`` is the grant for a device, or the next ticket of one that is known already;
        ``gone`` says why it is not. Raises ``ValueError`` if there is no request to decide.
        """
        decision = self._host.decision()
        if decision is not None:
            return decision
        left = None if self.ends_at is None else max(0.0, self.ends_at - time.time())
        terms = Terms(self._profile.name, self._session_type, left)
        if not approve:
            decision = self._host.decline(terms, gone)
        elif code is None:
            decision = self._host.approve_unchecked(terms, known)
        else:
            decision = self._host.approve(code, terms, known)
        self._store()
        return decision

    def known_at(self, boot: str | None, *, is_approved: bool) -> None:
        """Store that the node which says ``boot`` knows the session, and whether as approved."""
        self._has_held = True
        if self._origin is None or boot is None:
            return
        is_approved = is_approved or self._origin.is_approved
        origin = self._origin._replace(boot=boot, is_approved=is_approved)
        if origin != self._origin:
            self._origin = origin
            self._store()

    def linked(self, seconds: float) -> None:
        """Store for how long the link works."""
        if self._origin is not None:
            self._origin = self._origin._replace(lapses_at=time.time() + seconds)
            self._store()

    def reopening(self, boot: str | None) -> wire.CreateSession | None:
        """Return the request that opens the session again at a node that does not know it.

        None if the node is the one that knew it, by its ``boot``: then the session was closed. None
        as well if it may not come back (sealing: Coming back).
        """
        origin, token_hash = self._origin, self._host.reopening_hash
        if origin is None or boot in (None, origin.boot) or token_hash is None or self.is_over:
            return None
        is_one_time = self._session_type is SessionType.ONE_TIME
        may_return = origin.is_approved and self._has_held and not is_one_time
        if not (may_return if self.peer is not None else time.time() < origin.lapses_at):
            return None
        left = None if self.ends_at is None else self.ends_at - time.time()
        return wire.CreateSession(
            session_type=self._session_type,
            ttl=left,
            token_hash=token_hash,
            seal=1,
            nonce=origin.nonce,
            # The guest may be away for long.
            link_ttl=(left or _REOPENED_FOR) if origin.is_approved else None,
        )

    def forget(self) -> None:
        """Delete what is stored: the session has ended."""
        self._seals.pop(self._host.session_id, None)

    def _store(self) -> None:
        stored = _Stored(
            self._profile, self._session_type, self.ends_at, self._host.state, self._origin
        )
        self._seals[self._host.session_id] = msgspec.json.encode(stored).decode()

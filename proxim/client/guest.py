"""The guest: request pairing, wait for approval, resume after a lost connection."""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import trio
from msgspec import UNSET, UnsetType

from proxim import clock
from proxim.client.address import Address
from proxim.client.connection import CANCEL, NodeConnection
from proxim.client.notices import Notice
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    AlreadyDecided,
    ConnectionLost,
    ProximError,
    SealUnavailable,
    SessionOver,
    UnknownSession,
)
from proxim.protocol.messages import DeviceInfo, Reason, Status

if TYPE_CHECKING:
    from proxim.client.granted import GrantKeeper
    from proxim.client.returning import Returning
    from proxim.client.sealed_guest import GuestSecret
    from proxim.devices.store import HostGrant
    from proxim.sealing.answer import Gone

RETRIES = 5
"""How often a sealed guest sends its request again, if the connection is lost before the reply."""

StoreToken = Callable[[str], object]
"""Stores a resume token in the place of the one before."""


class Guest(ClientSession):
    """Asks to pair, and runs the session for the guest.

    ``resume_token`` lets a later program take the seat again. It changes each time this side comes
    back: only the latest is good for long. That of a sealed session has the secrets of the session,
    too. ``code`` is the code of three digits that this device has to show, for the person who
    approves it, until ``expires_at``; None if the host does not ask for one. In a sealed session it
    is None until the host has answered: see ``wait_code``.
    ``host_name`` is what the host calls its device: a claim that is not verified, and None if the
    host gives no name. A sealed session has it once it is approved.
    """

    _role = "guest"
    _connection: NodeConnection

    def __init__(
        self,
        node_url: str,
        session_id: str,
        ssl_context: ssl.SSLContext | None,
        *,
        pair_request: wire.PairRequest | None = None,
        resume_token: str = "",
        store_token: StoreToken | None = None,
        secret: GuestSecret | None = None,
        keeper: GrantKeeper | None = None,
    ) -> None:
        connection = NodeConnection(
            Address(node_url, ssl_context),
            introduce=self._introduce,
            on_message=self._handle,
            on_failure=self._finish,
        )
        super().__init__(connection, session_id)
        self.node_url = node_url
        self.resume_token = resume_token
        self._expires_at = clock.now()
        self.code: str | None = None
        self._host_name: str | None = None
        self._pair_request = pair_request
        self._node_token = resume_token.partition(".")[0]  # Without the secrets after the dot.
        self._store_token = store_token
        self._secret = secret
        self._returning: Returning | None = None
        self._has_seat = True  # Unless the node has forgotten the session.
        self._is_declined = False
        self._keeper = keeper
        self._gone: Gone | None = None
        if secret is not None:
            # The node has another name, which says nothing.
            self.device_info = DeviceInfo(name=secret.name, id=secrets.token_hex(8))

    @property
    def sealed(self) -> bool:
        """Whether the node can read and forge neither names, nor decisions, nor signals."""
        return self._secret is not None

    @property
    def grant(self) -> HostGrant | None:
        """The grant by which this device can come again: see ``open_visit``. None without one."""
        return None if self._keeper is None else self._keeper.grant

    @property
    def host_name(self) -> str | None:
        """The name that the host gives its device; in a sealed session once it has approved."""
        return self._host_name if self._secret is None else self._secret.host_name

    @property
    def expires_at(self) -> float:
        """The deadline for the host's decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    async def approved(self) -> None:
        """Wait for the approval. Raises ``SessionOver`` if the host declines.

        In a visit the ``reason`` of the ``SessionOver`` is ``"forgotten"``, ``"copied"`` or
        ``"expired"`` if the host does not know this device any more: the grant is deleted then.
        """
        await self.wait_approved()
        if self._keeper is not None:
            await self._keeper.wait_stored()
        if self.over is not None:
            raise self.over

    async def wait_code(self) -> str | None:
        """Wait for the code that this device has to show, and return it.

        Returns None at once if there is none: the host asks for none, or has decided, or this is a
        visit.
        """
        has_none = self._secret is None or self._secret.is_visit
        await self._wait_for(
            lambda: has_none or self.code is not None or self.status is not Status.PENDING
        )
        return self.code

    async def reachable(self) -> AsyncIterator[bool]:
        """Yield at each change whether the node is reachable."""
        async for online in self._connection.reachable():
            yield online

    async def _introduce(self) -> None:
        """Request pairing on the first connection, resume or come back on all others."""
        if self._pair_request is not None:
            if self.sealed:
                await self._check_node()
            if self._keeper is not None and self._keeper.is_visit:
                await self._keeper.ask(self, self._pair_request)
            else:
                await self._connection.call(self._pair_request, wire.PairPending, introduces=True)
            self._pair_request = None
            return
        if self._has_seat:
            request = wire.Resume(session_id=self.session_id, resume_token=self._node_token)
            try:
                await self._connection.call(request, wire.Resumed, introduces=True)
            except UnknownSession:
                self._begin_return()
        if self._returning is not None and not self._has_seat:
            await self._returning.ask(self._connection)

    def _begin_return(self) -> None:
        """Prepare to come back to a forgotten session. Raises ``SessionOver`` if it is over."""
        if self._secret is None or not self._secret.may_return(self._connection.boot):
            raise SessionOver("expired", "lost") from None
        from proxim.client.returning import Returning

        self._has_seat = self.peer_online = False
        self._returning = self._returning or Returning(self._secret, self.session_id)
        self._connection.retry_first(RETRIES)
        self._wake()

    async def _check_node(self) -> None:
        """Stop before the token is sent to a node that cannot carry the seal."""
        await self._connection.welcomed()
        if "seal" not in self._connection.features:
            why = "the link is sealed, and this node cannot carry sealed sessions: it is too old"
            raise SealUnavailable(why)
        # If the reply is lost, the node takes the same request again.
        self._connection.retry_first(RETRIES)

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        match message:
            case wire.Signal() if message.session_id != self.session_id:
                return
            case wire.PairPending():
                self._keep_token(message.resume_token)
                self._has_seat = self.peer_online = True
                self._set_code(message)
                self._expires_at = clock.now() + message.expires_in
            case wire.Resumed():
                if message.resume_token is not UNSET:
                    self._keep_token(message.resume_token)
                self._set_code(message)
                self._set_ice_servers(message.ice_servers, message.ice_ttl)
                if message.expires_in is not UNSET:
                    self._expires_at = clock.now() + message.expires_in
                self.peer_online = message.host_online
                if self._secret is not None:
                    self._take_ack(self._secret, message.ack)
                    self._take_answer(self._secret, message.session.status, message.seal)
                self._update(message.session)
            case wire.PairAck() if self._secret is not None:
                self._take_ack(self._secret, message.seal)
            case wire.PairResult() if self._secret is not None:
                self._take_answer(self._secret, message.status, message.seal)
            case _:
                pass
        super()._handle(message)
        if self.status is not Status.PENDING:
            self.code = None

    def _set_code(self, message: wire.PairPending | wire.Resumed) -> None:
        """Store the code and the host's name; in a sealed session the host alone gives both."""
        if self._secret is None:
            self.code = None if message.code is UNSET else message.code
            self._host_name = None if message.host_name is UNSET else message.host_name

    def _keep_token(self, token: str) -> None:
        """Store the resume token, and with it the secrets of a sealed session.

        Raises ``ConnectionLost`` if the node would bring secrets of its own with it.
        """
        if "." in token:
            raise ConnectionLost("the node gave a resume token that is not one")
        self._node_token = token
        if self._secret is not None:
            self._secret.boot = self._connection.boot
        self.resume_token = token if self._secret is None else f"{token}.{self._secret.stored}"
        if self._store_token is not None:
            self._store_token(self.resume_token)

    async def _close(self) -> None:
        """End the session; before the approval, cancel the request. The link stays used up."""
        if self._is_asking and CANCEL in self._connection.features:
            cancel = wire.PairCancel(session_id=self.session_id)
            with suppress(AlreadyDecided, SessionOver):
                await self._connection.call(cancel, wire.SessionEnded)
        await super()._close()

    @property
    def _is_asking(self) -> bool:
        """Whether the host is still asked for the first time, not to let this guest come back."""
        is_known = self._secret is not None and self._secret.peer is not None
        return self.over is None and self.status is Status.PENDING and not is_known

    def _leave(self) -> None:
        """Cancel the request of a program that leaves, unless a later one may take the seat.

        An approved visit ends, so that the next one can begin at once.
        """
        is_visit = self._keeper is not None and self._keeper.is_visit
        if self._is_asking and self._store_token is None:
            self._connection.cancel_request(self.session_id)
        elif is_visit and self.over is None and self.status is Status.APPROVED:
            self._connection.abandon(self.session_id)

    # -- sealed ----------------------------------------------------------------------------------

    def _take_ack(self, secret: GuestSecret, ack: str | UnsetType) -> None:
        """Show the code, once the host's ack has opened."""
        if ack is UNSET or secret.peer is not None:
            return
        if secret.take_ack(ack):
            self.code = secret.code
            if self._node_token:
                self._keep_token(self._node_token)
        else:
            self._notices.add_at(Notice.TAMPERED, trio.current_time())

    def _take_answer(self, secret: GuestSecret, status: Status, text: str | UnsetType) -> None:
        """Believe the host's own answer, and nothing that the node says instead of it."""
        if secret.peer is None and status is not Status.PENDING:
            is_approved = status is Status.APPROVED
            answer = secret.take_answer(None if text is UNSET else text, is_approved=is_approved)
            self._is_declined = answer is not None and not answer.approved
            if answer is not None and self._keeper is not None:
                self._gone = answer.gone if self._keeper.is_visit else None
                self._keeper.take(self, answer)
        if status is not Status.APPROVED:
            return
        if secret.peer is None:
            self._notices.add(Notice.TAMPERED)
            self._abandon(SessionOver(Status.REJECTED, Notice.TAMPERED))
            return
        if self._signals is None:
            from proxim.client.sealed import SealedSignals

            self._keep_token(self._node_token)
            may_send = None if self._keeper is None else self._keeper.wait_stored
            self._signals = SealedSignals(self, secret.peer, secret.ends_at, may_send=may_send)
            if secret.is_visit:
                self._signals.echo()
        returning, self._returning = self._returning, None
        if returning is not None and not returning.take(self._signals, text):
            self._abandon(SessionOver(Status.REJECTED, Notice.TAMPERED))

    def _open(self, data: msgspec.Raw) -> msgspec.Raw | None:
        """Return what the host has sent, unless that is its word that it forgets this device."""
        opened = super()._open(data)
        if opened is None or self._keeper is None:
            return opened
        from proxim.client.granted import read_word

        gone = read_word(opened)
        if gone is None:
            return opened
        self._notices.add(Notice(gone.value))
        self._gone = gone if self._keeper.is_visit else None
        self._keeper.forget(self)
        self._wake()
        return None

    def _accept_approval(self) -> bool:
        """Return whether the session is approved, as the node says."""
        return self._secret is None or self._secret.peer is not None

    def _set_device(self, device_info: DeviceInfo | None) -> None:
        """Store what the node says of this device; in a sealed session it does not know."""
        if self._secret is None:
            super()._set_device(device_info)

    def _finish(self, over: ProximError) -> None:
        """End the session on this side. A rejection counts only if the host has sealed it."""
        is_rejection = isinstance(over, SessionOver) and over.reason == Reason.REJECTED
        if self.sealed and is_rejection and not self._is_declined:
            over = SessionOver(Status.REJECTED, "unconfirmed")
        elif self._gone is not None and isinstance(over, SessionOver):
            over = SessionOver(over.status, self._gone)
        super()._finish(over)

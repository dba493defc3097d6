"""One session of a host: its prompts, decisions and new links."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, structs

from proxim import clock
from proxim.client.base_connection import BaseConnection
from proxim.client.denials import Denials
from proxim.client.linked_session import LinkedSession
from proxim.client.notices import Notice
from proxim.client.prompt import CODE, Prompt
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    AlreadyDecided,
    BadMessage,
    CodeRequired,
    NotAllowed,
    NotSupported,
    ProximError,
    SealUnavailable,
    SessionOver,
    WrongCode,
)
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import DeviceInfo, SessionInfo, Status

if TYPE_CHECKING:
    from proxim.client.devices import Remember
    from proxim.client.known import KnownDevices
    from proxim.client.sealed_host import HostSecret
    from proxim.sealing.device import Grant
    from proxim.sealing.host import Asked, Refused

log = logging.getLogger(__name__)

TOO_OLD_FOR_PAGES = "this node is too old for links that lead to another page"


class HostSession(LinkedSession):
    """Runs one session for its host: prompts, decisions, new links.

    ``link`` and ``token`` are set if the node made the token. A session opened by an earlier
    program has neither. ``join_url`` is where this program has its links lead, if not to where the
    node has them lead. A sealed session has a ``link`` that the host has made, until a guest asks.

    A node that is restarted forgets its sessions. The host then opens a persistent or temporary
    one again, unless it was opened with a ``token_hash``. A sealed session goes on with its guest.
    A session that is not sealed is pending again, with a new ``session_id`` and a new ``link``: see
    ``links``. A temporary one ends at the same time as before.
    """

    _role = "host"
    _is_known = False  # Whether the host knows the device that asks.
    _hears_first = False
    """Whether the host says nothing before it has heard its guest."""

    def __init__(
        self, connection: BaseConnection, info: SessionInfo, secret: HostSecret | None = None
    ) -> None:
        super().__init__(connection, info)
        self._secret = secret
        # Set by the host, if it can remember devices, and counts denials for all its sessions.
        self._get_known: Callable[[], KnownDevices] | None = None
        self._denials = Denials()
        if secret is not None:
            self.link = secret.link
        self._update(info)

    @property
    def sealed(self) -> bool:
        """Whether the node can read and forge neither names, nor decisions, nor signals."""
        return self._secret is not None or self.info.seal is not UNSET

    async def prompt(self) -> Prompt:
        """Wait for a guest's request to pair. Raises ``SessionOver`` if the session ends first."""
        await self._wait_for(lambda: self._prompt is not None)
        if self._prompt is None:
            assert self.over is not None
            raise self.over
        return self._prompt

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        if self.sealed:
            return "code"
        return "none" if self.info.confirm is UNSET else self.info.confirm

    async def decide(
        self,
        *,
        approve: bool,
        code: str | None = None,
        unchecked: bool = False,
        remember: Remember | None = None,
    ) -> wire.PairResult:
        """Answer the prompt, ``unchecked`` as ``Prompt.approve_unchecked`` does.

        Raises what ``Prompt.approve`` raises.
        """
        if not approve or (unchecked and self.sealed):
            code = None
        elif self.confirm == "none" and code is not None:
            raise BadMessage("the session was opened without `confirm`: its guest shows no code")
        elif self.confirm == "code" and not (isinstance(code, str) and CODE.fullmatch(code)):
            raise CodeRequired("an approval needs the three digits that the guest shows")
        if remember is None or not approve:
            return await self._decide(approve=approve, code=code)
        if not self.sealed or code is None:
            raise BadMessage("only the device of a sealed session, by its code, can be remembered")
        if self._get_known is None:
            raise NotSupported("only a host that was opened by open_host remembers devices")
        return await self._get_known().remember(self, code, remember)

    async def _decide(
        self, *, approve: bool, code: str | None, known: Grant | None = None
    ) -> wire.PairResult:
        """Answer the prompt, with the grant of a device that is remembered."""
        decision = wire.PairDecision(session_id=self.session_id, approve=approve, code=code)
        if self.sealed:
            decision = self._sealed_decision(decision, known)
        result = await self._connection.call(decision, wire.PairResult)
        if approve and result.status is not Status.APPROVED:
            raise WrongCode("this is not the code that the guest shows; the guest is rejected")
        return result

    async def renew(
        self,
        *,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        join_url: str | None = None,
    ) -> None:
        """Replace the link by a new one. Raises ``NotAllowed`` once a guest has asked to pair.

        The link leads to ``join_url``, which is also stored. Raises ``NotSupported`` if the node is
        too old for that.
        """
        self.join_url = join_url or self.join_url
        if self.sealed:
            await self._renew_sealed(token_hash, qr)
            return
        request = wire.RenewLink(
            session_id=self.session_id,
            token_hash=token_hash,
            qr=qr,
            join_url=join_url or (None if token_hash else self.join_url),
        )
        self._set_link(await self._connection.call(request, wire.LinkRenewed))
        if self._origin is not None:
            made = structs.replace(self._origin.request, token_hash=token_hash)
            self._origin = self._origin._replace(request=made)
        if request.join_url and not (self.link or "").startswith(f"{request.join_url}#"):
            raise NotSupported(TOO_OLD_FOR_PAGES)

    def _set_link(self, message: wire.SessionCreated | wire.LinkRenewed) -> None:
        """Store a new link, and for how long a sealed one works."""
        super()._set_link(message)
        if self._secret is not None:
            self._secret.linked(message.pair_within)

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        match message:
            case wire.PairPrompt() if self.sealed:
                self._take_prompt(message)
            case wire.PairPrompt():
                self.device_info = message.device_info
                self._prompt = Prompt(self, message)
            case wire.Contested():
                self._notices.add(Notice.CONTESTED)
            case wire.PeerOnline(replaced=True):
                self._notices.add(Notice.REPLACED)
            case wire.PairResult(status=Status.APPROVED) if not self.sealed:
                self._forget_signals()  # Those of a guest before a restart of the node.
            case _:
                pass
        super()._handle(message)

    def _update(self, info: SessionInfo) -> None:
        """Store the session object, also after a reconnect."""
        self.info = info
        self.peer_online = info.guest_online
        super()._update(info)

    def _known_at(self, boot: str | None) -> None:
        """Store that the node which says ``boot`` knows the session."""
        super()._known_at(boot)
        if self._secret is not None:
            self._secret.known_at(boot, is_approved=False)

    def _reopened(self, created: wire.SessionCreated) -> None:
        """Go on with a session that this host has opened again; its guest has yet to come back."""
        self.info, self.peer_online = created.session, False
        self._lapses_at = clock.now() + created.pair_within
        if self._secret is not None and self._secret.peer is not None and self._accept_approval():
            self.status = Status.APPROVED
        self._wake()

    def _finish(self, over: ProximError) -> None:
        """End the session on this side; delete the secrets of one that has ended."""
        super()._finish(over)
        if self._secret is not None and isinstance(self.over, SessionOver):
            self._secret.forget()

    # -- sealed ----------------------------------------------------------------------------------

    async def _show_sealed_link(self, qr: Literal["svg"] | None) -> None:
        assert self._secret is not None
        self.link, self.qr_svg = self._secret.link, None
        self._wake()
        if qr is not None and self.link is not None:
            self.qr_svg = await self._connection.draw(self.link)

    def _need_secret(self) -> HostSecret:
        if self._secret is None:
            raise SealUnavailable("this program does not have the secrets of this sealed session")
        return self._secret

    def _sealed_decision(
        self, decision: wire.PairDecision, known: Grant | bytes | None = None
    ) -> wire.PairDecision:
        """Return the decision with its seal; an approval with a wrong code is a rejection."""
        secret = self._need_secret()
        if self.over is not None:
            raise AlreadyDecided("the session has ended")
        try:
            approve, text = secret.decide(approve=decision.approve, code=decision.code, known=known)
        except ValueError:
            raise NotAllowed("no guest waits for a decision", session_id=self.session_id) from None
        return self._wire_decision(approve, text)

    async def _renew_sealed(self, token_hash: str | None, qr: Literal["svg"] | None) -> None:
        from proxim.client.sealed_host import OWN_TOKEN

        if token_hash is not None:
            raise BadMessage(OWN_TOKEN)
        secret = self._need_secret()
        if self.join_url is not None:
            secret.lead_to(self.join_url)
        # Stored before the node has them: if its answer is lost, either link may be the valid one.
        keys = secret.renew()
        request = wire.RenewLink(session_id=self.session_id, token_hash=keys.token_hash)
        renewed = await self._connection.call(request, wire.LinkRenewed)
        secret.renewed(keys)
        self._set_link(renewed)
        await self._show_sealed_link(qr)

    def _take_prompt(self, message: wire.PairPrompt) -> None:
        """Open the request of a guest, answer it, and tell the application."""
        from proxim.client.sealed_host import Asked, Refused, Returned

        if self._secret is None:
            self._notices.add(Notice.KEYS_ELSEWHERE)
            return
        verdict = self._secret.take_prompt(None if message.seal is UNSET else message.seal)
        if isinstance(verdict, Refused):
            self._refuse(verdict)
        elif isinstance(verdict, Returned) and self._secret.is_over:
            self._send_soon(wire.PairDecision(session_id=self.session_id, approve=False))
        elif isinstance(verdict, Returned):
            self._has_opened()
            if self._signals is not None:
                self._signals.expect_hello()
            self._send_soon(self._wire_decision(True, verdict.seal))
        elif not isinstance(verdict, Asked):
            self._notices.add(Notice.KEYS_ELSEWHERE)
        else:
            self._take_request(message, verdict)

    def _take_request(self, message: wire.PairPrompt, asked: Asked) -> None:
        """Answer a request that has opened, and tell the application."""
        ack = wire.PairAck(session_id=self.session_id, seal=asked.ack)
        self._set_device(message.device_info)
        decision = self._need_secret().decision
        if decision is not None:
            # The node did not get it, or a lost connection has lost the reply.
            self._send_soon(ack, self._wire_decision(*decision))
        else:
            self._send_soon(ack)
            assert self.device_info is not None
            named = structs.replace(message, device_info=self.device_info)
            self._prompt = Prompt(self, named)

    def _refuse(self, verdict: Refused) -> None:
        """Reject a guest that the person does not have to be asked about; the session ends."""
        from proxim.client.sealed_host import NOTICES

        notice = NOTICES[verdict]
        self._notices.add(notice)
        if self.status is Status.APPROVED:
            # It is too late to reject the guest.
            self._connection.abandon(self.session_id)
        else:
            self._send_soon(wire.PairDecision(session_id=self.session_id, approve=False))
        self._finish(SessionOver(Status.REJECTED, notice))

    def _wire_decision(self, approve: bool, seal: str) -> wire.PairDecision:
        return wire.PairDecision(session_id=self.session_id, approve=approve, seal=seal)

    def _send_soon(self, *messages: wire.PairAck | wire.PairDecision) -> None:
        """Send messages soon. If one is lost, the node shows the prompt again."""

        async def send() -> None:
            try:
                for message in messages:
                    if isinstance(message, wire.PairAck):
                        await self._connection.send_one_way(message)
                    else:
                        await self._connection.call(message, wire.PairResult)
            except ProximError as error:
                log.info("an answer to a guest was not sent: %s", error)

        self._connection.start_soon(send)

    def _accept_approval(self) -> bool:
        """Return whether this host has approved the guest, as the node says."""
        if self._secret is None:
            return True
        if self._secret.peer is None:
            # Perhaps by another program, which had the seat until just now.
            self._secret = self._secret.reloaded()
        if self._secret.peer is None:
            self._notices.add(Notice.TAMPERED)
            self._abandon(SessionOver(Status.REJECTED, Notice.TAMPERED))
            return False
        if self._signals is None:
            from proxim.client.sealed import SealedSignals

            peer, ends_at = self._secret.peer, self._secret.ends_at
            self._signals = SealedSignals(
                self, peer, ends_at, when_opened=self._has_opened, hears_first=self._hears_first
            )
        self._secret.known_at(self._connection.boot, is_approved=True)
        return True

    def _has_opened(self) -> None:
        """Note that something has opened which the guest has sealed after its approval."""

    def _set_device(self, device_info: DeviceInfo | None) -> None:
        """Store what is known of the guest: its name comes from its own seal."""
        name = None if self._secret is None else self._secret.guest_name
        if device_info is not None and name is not None:
            device_info = DeviceInfo(name=name, id=device_info.id)
        self.device_info = device_info

"""The visit of a known device: a session that its host judges by the device's ticket."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Literal

import msgspec
import trio

from proxim.client.devices import Device
from proxim.client.host_session import HostSession
from proxim.client.notices import Notice
from proxim.protocol import messages as wire
from proxim.protocol.errors import NotAllowed, ProximError, SessionOver
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import Reason, SessionInfo, Status

if TYPE_CHECKING:
    from proxim.client.known import KnownDevices
    from proxim.client.sealed_host import HostSecret
    from proxim.devices.record import KnownDevice, Verdict
    from proxim.sealing.answer import Gone
    from proxim.sealing.device import Grant
    from proxim.sealing.host import Asked, Refused

log = logging.getLogger(__name__)

AWAY_TIME = 120.0
"""Seconds for which the guest of a visit may be offline."""

LAST_WORD_TIME = 2.0
"""Seconds to send the word that a device is forgotten."""


class Visit(HostSession):
    """The session of a known device that has come again.

    If the policy of the device is ``"ask"``, ``prompt`` returns at once, and ``Prompt.approve``
    needs no code. If it is ``"auto"``, the visit is approved as the program takes it: show a
    notice, and a way to ``close`` it.

    If ``over`` is set from the start, the device was turned away, and the ``reason`` says why:
    ``"copied"`` if two devices use the same grant, ``"stranger"`` if another device has its link,
    ``"expired"`` if its time is over. The host has forgotten a device that was copied or has
    expired.
    """

    _is_known = True
    # A copy of the device that only listens would not use its ticket, and not be found out.
    _hears_first = True

    def __init__(
        self, known: KnownDevices, record: KnownDevice, info: SessionInfo, secret: HostSecret
    ) -> None:
        self.record = record
        self._devices = known
        self._ticket: bytes | None = None
        self._ack: wire.PairAck | None = None
        self._has_used = self._is_turned_away = False
        self._comes_in = False  # Without a question.
        self.is_told = False  # Whether the program is told that the device was turned away.
        super().__init__(known.connection, info, secret)
        self.link = None  # It is the device's own.
        self._denials = known.denials

    @property
    def device(self) -> Device:
        """The device, as the host knew it last."""
        return self._devices.describe(self.record)

    @property
    def confirm(self) -> Confirm:
        """Return ``"none"``: the device is known, and shows no code."""
        return "none"

    # -- requests ------------------------------------------------------------------------------

    def _take_request(self, message: wire.PairPrompt, asked: Asked) -> None:
        """Judge a request, unless it is the same as before; then tell the program."""
        if not asked.is_new:
            super()._take_request(message, asked)
            return
        from proxim.devices.record import Verdict

        verdict = self._judge()
        if verdict in (Verdict.ASK, Verdict.AUTO):
            self._comes_in = verdict is Verdict.AUTO
            super()._take_request(message, asked)
            self._connection.start_soon(self._watch)
            self._devices.arrived(self)
        else:
            self._turn_away(verdict)

    async def _welcome(self) -> None:
        """Approve a visit that needs no question, now that the program takes it."""
        if not self._comes_in or self.over is not None:
            return
        try:
            if self._ack is not None:
                await self._connection.send_one_way(self._ack)
            await self.decide(approve=True)
        except ProximError as error:
            # The node is told again after a lost connection.
            log.info("a visit was not approved at once: %s", error)
        except Exception as error:
            log.warning("a visit could not be approved: %s", error)
            self._end_by(self._decision(approve=False), Notice.UNOPENED)
        await self.wait_approved()

    def _send_soon(self, *messages: wire.PairAck | wire.PairDecision) -> None:
        """Send messages soon, but the ack of a visit that needs no question with the approval."""
        first = messages[0]
        if self._comes_in and len(messages) == 1 and isinstance(first, wire.PairAck):
            self._ack = first  # Sent by a task of its own it could come after the decision.
        else:
            super()._send_soon(*messages)

    def _judge(self) -> Verdict:
        """Return the verdict about the request; an unreadable store turns it away silently."""
        from proxim.devices.record import Verdict

        secret = self._need_secret()
        try:
            judged = self._devices.book.judge(self.session_id, secret.visitor, secret.guest_key)
        except Exception as error:
            log.warning("a visit could not be judged: %s", error)
            return Verdict.REPLAY
        if judged is None:
            return Verdict.REPLAY  # Another program has forgotten the device just now.
        self.record = judged.device
        return judged.verdict

    def _turn_away(self, verdict: Verdict) -> None:
        """Decline a request that the person is not asked about; tell the person what matters."""
        from proxim.devices.record import Verdict
        from proxim.sealing.answer import Gone

        told: dict[Verdict, tuple[Notice, Gone | None]] = {
            Verdict.STRANGER: (Notice.STRANGER, None),
            Verdict.COPIED: (Notice.COPIED, Gone.COPIED),
            Verdict.OVER: (Notice.EXPIRED, Gone.EXPIRED),
        }
        if verdict not in told:
            self._end_by(self._decision(approve=False), Notice.UNOPENED)
            return
        notice, gone = told[verdict]
        if gone is not None:
            self._devices.book.try_drop(self.session_id)
        self.is_told = True
        self._end_by(self._sealed_no(gone), notice)
        self._devices.arrived(self)

    def _refuse(self, verdict: Refused) -> None:
        """Reject a request that does not open."""
        from proxim.client.sealed_host import NOTICES

        if self.status is Status.APPROVED:
            super()._refuse(verdict)
        else:
            self._end_by(self._decision(approve=False), NOTICES[verdict])

    def _end_by(self, decision: wire.PairDecision, notice: Notice) -> None:
        """End the visit by a rejection; the standing session is opened again once that is sent."""

        async def send() -> None:
            try:
                await self._connection.call(decision, wire.PairResult)
            except ProximError as error:
                log.info("a rejection was not sent: %s", error)
                self._connection.abandon(self.session_id)
            self._devices.closed(self)

        self._is_turned_away = True
        self._notices.add(notice)
        self._connection.start_soon(send)
        self._finish(SessionOver(Status.REJECTED, notice))

    def _decision(self, *, approve: bool) -> wire.PairDecision:
        return wire.PairDecision(session_id=self.session_id, approve=approve)

    def _sealed_no(self, gone: Gone | None) -> wire.PairDecision:
        return self._wire_decision(*self._need_secret().decide(approve=False, gone=gone))

    def _sealed_decision(
        self, decision: wire.PairDecision, known: Grant | bytes | None = None
    ) -> wire.PairDecision:
        """Return the decision with its seal. An approval brings the next ticket of the device."""
        secret = self._need_secret()
        ticket = None if secret.visitor is None else secret.visitor.ticket
        if decision.approve and ticket is not None and self.over is None:
            # The request still waits for its decision.
            self.record = self._devices.book.approve(self.session_id, ticket)
            known = self._ticket = self.record.tickets.current
        return super()._sealed_decision(decision, known)

    async def renew(
        self,
        *,
        token_hash: str | None = None,
        qr: Literal["svg"] | None = None,
        join_url: str | None = None,
    ) -> None:
        """Raise ``NotAllowed``: the link of a known device stays as long as the host knows it."""
        raise NotAllowed("the link of a known device stays", session_id=self.session_id)

    # -- the visit -----------------------------------------------------------------------------

    def _has_opened(self) -> None:
        """Note that the device has used its ticket: a sealed signal or hello has opened."""
        if self._ticket is not None and not self._has_used:
            self._has_used = True
            self._devices.book.use(self.session_id, self._ticket)

    async def _watch(self) -> None:
        """End a visit whose guest is offline too long."""
        await self.wait_approved()
        while self.over is None:
            await self._wait_for(lambda: not self.peer_online)
            with trio.move_on_after(AWAY_TIME):
                await self._wait_for(lambda: self.peer_online)
                continue
            self._abandon(SessionOver(Status.EXPIRED, Reason.CLOSED))

    def _finish(self, over: ProximError) -> None:
        """End the visit on this side. The standing session is opened again."""
        super()._finish(over)
        if not self._is_turned_away:
            self._devices.closed(self)

    async def _forget(self) -> None:
        """Tell the device that it is forgotten, if it is here, and close the session."""
        from proxim.sealing.answer import Gone

        if self.status is Status.APPROVED:
            await say_forgotten(self)
            self._abandon(SessionOver(Status.EXPIRED, Reason.CLOSED))
        elif self._need_secret().visitor is not None:
            self._end_by(self._sealed_no(Gone.FORGOTTEN), Notice.FORGOTTEN)
        else:
            self._abandon(SessionOver(Status.EXPIRED, Reason.CLOSED))


async def say_forgotten(session: HostSession) -> None:
    """Send the sealed word that the host has forgotten the device (sealing: Known devices)."""
    word = msgspec.Raw(msgspec.json.encode({"known": {"gone": "forgotten"}}))
    try:
        with trio.move_on_after(LAST_WORD_TIME):
            await session._send_data(word)
    except ProximError as error:
        log.info("a device was not told that it is forgotten: %s", error)


def asks_anew(message: wire.NodeMessage) -> bool:
    """Return whether a message is the prompt of a new request, not that of a returning guest."""
    from proxim.sealing.ask import FIRST
    from proxim.sealing.encoding import DoesNotOpen, decode

    if not isinstance(message, wire.PairPrompt) or message.seal is msgspec.UNSET:
        return False
    try:
        return decode(message.seal)[:1] == bytes([FIRST])
    except DoesNotOpen:
        return False

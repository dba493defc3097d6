"""One session of a host: its prompts, decisions and new links."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Literal

from msgspec import UNSET

from proxim import clock
from proxim.client.calls import Calls
from proxim.client.session import ClientSession
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    BadMessage,
    CodeRequired,
    NotSupported,
    WrongCode,
)
from proxim.protocol.fields import Confirm
from proxim.protocol.messages import SessionInfo, SessionType, Status

SessionKind = SessionType | Literal["one_time", "persistent", "temporary"]

MAX_NOTICES = 64
"""Notices that a session keeps; it does not keep further ones."""

CODE = re.compile(r"[1-9][0-9]{2}")
"""The code that a guest shows, as the person types it."""

TOO_OLD_FOR_PAGES = "this node is too old for links that lead to another page"


class Notice(StrEnum):
    """What the person at the host may want to know of a session. A hint, not an alarm."""

    CONTESTED = "contested"
    """Another device has shown the link, after the link was used; told once for each link."""
    REPLACED = "replaced"
    """The guest came by another connection while its earlier one still stood."""


class Prompt:
    """A guest's request to pair. Its ``device_info`` is the guest's own claim."""

    def __init__(self, session: HostSession, message: wire.PairPrompt) -> None:
        self.session = session
        self.device_info = message.device_info
        self._expires_at = clock.now() + message.expires_in

    @property
    def expires_at(self) -> float:
        """The deadline for a decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self.session.confirm

    async def approve(self, code: str | None = None) -> wire.PairResult:
        """Approve the guest; with ``confirm`` by the ``code`` of three digits that it shows.

        Raises ``CodeRequired`` without such a code: nothing was sent, and the prompt stays. Raises
        ``WrongCode`` if it is another one: the guest is rejected, and there is no second attempt.
        Raises ``AlreadyDecided`` if it is too late, and ``BadMessage`` for a code where the session
        has no ``confirm``.
        """
        return await self.session.decide(approve=True, code=code)

    async def decline(self) -> wire.PairResult:
        """Decline the guest; the session ends."""
        return await self.session.decide(approve=False)


class HostSession(ClientSession):
    """Runs one session for its host: prompts, decisions, new links.

    ``link`` and ``token`` are set if the node made the token. A session opened by an earlier
    program has neither. ``join_url`` is where this program has its links lead, if not to where the
    node has them lead.
    """

    _role = "host"

    def __init__(self, connection: Calls, info: SessionInfo) -> None:
        super().__init__(connection, info.session_id)
        self.info = info
        self.link: str | None = None
        self.token: str | None = None
        self.qr_svg: str | None = None
        self.join_url: str | None = None
        self._lapses_at = clock.now()
        self._prompt: Prompt | None = None
        self._notices: list[Notice] = []
        self._update(info)

    @property
    def lapses_at(self) -> float:
        """When the link expires, on Trio's clock; nearer after the machine slept."""
        return self._lapses_at - clock.slept()

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
        return "none" if self.info.confirm is UNSET else self.info.confirm

    async def decide(self, *, approve: bool, code: str | None = None) -> wire.PairResult:
        """Answer the prompt. Raises what ``Prompt.approve`` raises."""
        if not approve:
            code = None
        elif self.confirm == "none" and code is not None:
            raise BadMessage("the session was opened without `confirm`: its guest shows no code")
        elif self.confirm == "code" and not (isinstance(code, str) and CODE.fullmatch(code)):
            raise CodeRequired("an approval needs the three digits that the guest shows")
        decision = wire.PairDecision(session_id=self.session_id, approve=approve, code=code)
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
        request = wire.RenewLink(
            session_id=self.session_id,
            token_hash=token_hash,
            qr=qr,
            join_url=join_url or (None if token_hash else self.join_url),
        )
        self._set_link(await self._connection.call(request, wire.LinkRenewed))
        if request.join_url and not (self.link or "").startswith(f"{request.join_url}#"):
            raise NotSupported(TOO_OLD_FOR_PAGES)

    async def notices(self) -> AsyncIterator[Notice]:
        """Yield each notice, from the beginning of the session to its end."""
        count = 0
        while (notice := await self.notice_after(count)) is not None:
            yield notice
            count += 1

    async def notice_after(self, count: int) -> Notice | None:
        """Wait for the notice after the first ``count``, and return it; None after the end."""
        await self._wait_for(lambda: len(self._notices) > count)
        return self._notices[count] if len(self._notices) > count else None

    def _set_link(self, message: wire.SessionCreated | wire.LinkRenewed) -> None:
        """Store a new link."""
        self.link = None if message.link is UNSET else message.link
        self.token = None if message.token is UNSET else message.token
        self.qr_svg = None if message.qr_svg is UNSET else message.qr_svg
        self._lapses_at = clock.now() + message.pair_within

    def _handle(self, message: wire.NodeMessage) -> None:
        """Handle a message from the node."""
        match message:
            case wire.PairPrompt():
                self.device_info = message.device_info
                self._prompt = Prompt(self, message)
            case wire.Contested():
                self._note(Notice.CONTESTED)
            case wire.PeerOnline(replaced=True):
                self._note(Notice.REPLACED)
            case _:
                pass
        super()._handle(message)

    def _note(self, notice: Notice) -> None:
        if len(self._notices) < MAX_NOTICES:
            self._notices.append(notice)

    def _update(self, info: SessionInfo) -> None:
        """Store the session object, also after a reconnect."""
        self.info = info
        self.peer_online = info.guest_online
        super()._update(info)

"""A guest's request to pair, as the host's program decides about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxim import clock
from proxim.protocol import messages as wire
from proxim.protocol.fields import Confirm

if TYPE_CHECKING:
    from proxim.client.host_session import HostSession

CODE = re.compile(r"[1-9][0-9]{2}")
"""The code that a guest shows, as the person types it."""


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

    async def approve_unchecked(self) -> wire.PairResult:
        """Approve the guest of a sealed session without the code that it shows.

        Any device that has read the link gets in. In another session this is ``approve`` without
        a code.
        """
        return await self.session.decide(approve=True, unchecked=True)

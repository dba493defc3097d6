"""A guest's request to pair, as the host's program decides about it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxim import clock
from proxim.client.denials import UNKNOWN
from proxim.client.devices import FEATURES
from proxim.protocol import messages as wire
from proxim.protocol.errors import AlreadyDecided
from proxim.protocol.fields import Confirm

if TYPE_CHECKING:
    from proxim.client.devices import Remember
    from proxim.client.host_session import HostSession

CODE = re.compile(r"[1-9][0-9]{2}")
"""The code that a guest shows, as the person types it."""


class Prompt:
    """A guest's request to pair. Its ``device_info`` is the guest's own claim.

    ``is_silent`` says that a person has declined such requests twice in the last ten minutes: show
    it without a sound or a dialog.
    """

    def __init__(self, session: HostSession, message: wire.PairPrompt) -> None:
        self.session = session
        self.session_id = session.session_id
        self.device_info = message.device_info
        self._expires_at = clock.now() + message.expires_in
        self._marks = _marks_of(session)
        self.is_silent = session._denials.are_many(self._marks)

    @property
    def expires_at(self) -> float:
        """The deadline for a decision, on Trio's clock; nearer after the machine slept."""
        return self._expires_at - clock.slept()

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to decide any more, since the session or its guest has gone."""
        return self.session.over is not None or self.session.session_id != self.session_id

    @property
    def confirm(self) -> Confirm:
        """``"code"`` if an approval needs the code that the guest shows, otherwise ``"none"``."""
        return self.session.confirm

    @property
    def can_remember(self) -> bool:
        """Whether ``approve`` can remember the device of this guest."""
        session = self.session
        if session._get_known is None or session._secret is None:
            return False
        has_key = session._secret.visitor is not None
        return has_key and FEATURES.issubset(session._connection.features)

    async def approve(
        self, code: str | None = None, *, remember: Remember | None = None
    ) -> wire.PairResult:
        """Approve the guest; with ``confirm`` by the ``code`` of three digits that it shows.

        With ``remember`` the device can come again without a code: see ``Host.visit``. That is for
        sealed sessions of a host, and for guests whose program keeps grants (``can_remember``).

        Raises ``CodeRequired`` without such a code: nothing was sent, and the prompt stays. Raises
        ``WrongCode`` if it is another one: the guest is rejected, and there is no second attempt.
        Raises ``AlreadyDecided`` if it is too late, and ``BadMessage`` for a code where the session
        has no ``confirm``. Raises ``NotSupported`` if the device cannot be remembered, and
        ``BadMessage`` if the session is not sealed: nothing was sent, and the prompt stays.
        """
        self._check()
        return await self.session.decide(approve=True, code=code, remember=remember)

    async def decline(self) -> wire.PairResult:
        """Decline the guest, as a person does; the session ends."""
        self._check()
        self.session._denials.add(self._marks)
        return await self.session.decide(approve=False)

    async def approve_unchecked(self) -> wire.PairResult:
        """Approve the guest of a sealed session without the code that it shows.

        Any device that has read the link gets in. In another session this is ``approve`` without
        a code.
        """
        self._check()
        return await self.session.decide(approve=True, unchecked=True)

    def _check(self) -> None:
        """Raise ``AlreadyDecided`` if the session waits for another guest than this one."""
        if self.session.session_id != self.session_id:
            raise AlreadyDecided("the node was restarted, and has forgotten this request")


def _marks_of(session: HostSession) -> set[str | bytes]:
    """Return the marks under which a denial of the session's request counts."""
    visitor = None if session._secret is None else session._secret.visitor
    key = set() if visitor is None else {visitor.key}
    return {session.session_id} | key | (set() if session._is_known else {UNKNOWN})

"""The secrets of a sealed session at its guest, which travel with its resume token.

Import this module only when a session is sealed: it imports ``cryptography``.
"""

from __future__ import annotations

import secrets
import time

import msgspec

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.errors import BadMessage, InvalidLink
from proxim.protocol.messages import DeviceInfo, SessionType
from proxim.sealing.answer import Answer
from proxim.sealing.ask import checked_name
from proxim.sealing.device import DeviceKey
from proxim.sealing.encoding import DoesNotOpen, decode
from proxim.sealing.guest import GuestState, SealedGuest, return_seal
from proxim.sealing.keys import reopen_token
from proxim.sealing.link import SealedLink, parse_sealed_link
from proxim.sealing.peer import SealedPeer

SEALED_DEVICE = "Sealed device"
"""The name that a node gets of each guest (sealing: The request)."""


class _Stored(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a guest keeps: until the answer, to open it; then the secret alone."""

    name: str
    secret: bytes
    private: bytes | None = None
    host_key: bytes | None = None
    host_name: str | None = None
    ends_at: float | None = None
    session_type: SessionType | None = None
    boot: str | None = None


class GuestSecret:
    """The secrets of one sealed session at its guest.

    ``name`` is its own, ``host_name`` that of the host once the guest is approved. ``ends_at`` is
    when the session ends, on the wall clock, or None. ``peer`` seals the signals once approved.
    ``boot`` is that of the node which knew the session last.
    """

    def __init__(self, guest: SealedGuest, name: str) -> None:
        self.name = name
        self.host_name: str | None = None
        self.ends_at: float | None = None
        self.peer: SealedPeer | None = None
        self.boot: str | None = None
        self.is_visit = False  # By a standing link, without a number.
        self._session_type: SessionType | None = None
        self._guest = guest

    @classmethod
    def ask(
        cls, link: str, name: str, node_url: str | None, device: DeviceKey | None = None
    ) -> tuple[GuestSecret, str, wire.PairRequest]:
        """Return a guest for a link, the URL of its node, and the request to send.

        ``device`` is the key of a device that the host may remember. Raises ``InvalidLink``, and
        ``BadMessage`` if the name is not allowed.
        """
        parts = parse_sealed_link(link, node_url)
        secret, request = cls.ask_by(parts, name, device)
        return secret, parts.node_url, request

    @classmethod
    def ask_by(
        cls,
        parts: SealedLink,
        name: str,
        device: DeviceKey | None = None,
        ticket: bytes | None = None,
    ) -> tuple[GuestSecret, wire.PairRequest]:
        """Return a guest for a link, and the request to send: a visit, if it has a ``ticket``.

        Raises what ``ask`` raises.
        """
        try:
            name = checked_name(name)
        except ValueError as error:
            raise BadMessage(str(error)) from None
        try:
            guest = SealedGuest.ask(parts, name, device=device, ticket=ticket)
        except ValueError:
            raise InvalidLink("the key in the link is not a key") from None
        request = wire.PairRequest(
            session_id=parts.session_id,
            token=guest.state.token,
            device_info=DeviceInfo(name=SEALED_DEVICE, id=secrets.token_hex(8)),
            seal=guest.state.seal,
        )
        secret = cls(guest, name)
        secret.is_visit = ticket is not None
        return secret, request

    @classmethod
    def restore(cls, text: str) -> GuestSecret:
        """Return the guest that ``stored`` describes. Raises ``BadMessage`` if it is changed."""
        try:
            stored = msgspec.json.decode(decode(text), type=_Stored)
        except (DoesNotOpen, msgspec.MsgspecError, UnicodeError):
            raise BadMessage("the resume token is changed or cut short") from None
        state = GuestState("", "", stored.secret, stored.private or b"", stored.host_key)
        seal = cls(SealedGuest.restore(state), stored.name)
        seal.host_name, seal.ends_at = stored.host_name, stored.ends_at
        seal._session_type, seal.boot = stored.session_type, stored.boot
        if stored.private is None:
            seal.peer = SealedPeer("g", stored.secret)
        return seal

    @property
    def stored(self) -> str:
        """What to keep together with the resume token."""
        state = self._guest.state
        waits = self.peer is None
        stored = _Stored(
            self.name,
            state.secret,
            state.private if waits else None,
            state.host_key if waits else None,
            self.host_name,
            self.ends_at,
            self._session_type,
            self.boot,
        )
        return tokens.encode(msgspec.json.encode(stored))

    @property
    def code(self) -> str | None:
        """The code to show, until the answer; None before the host's ack."""
        return self._guest.code if self.peer is None and not self.is_visit else None

    def may_return(self, boot: str | None) -> bool:
        """Whether this guest may come back to the session at a node of ``boot`` without it.

        Not at the node that knew it: there it was closed.
        """
        if self.boot is None or boot in (None, self.boot):
            return False
        is_one_time = self._session_type in (None, SessionType.ONE_TIME)
        is_over = self.ends_at is not None and time.time() >= self.ends_at
        return self.peer is not None and not is_one_time and not is_over

    def return_request(self, session_id: str) -> wire.PairRequest:
        """Return the request of a guest that comes back; the same one is to be sent again."""
        assert self.peer is not None
        token = self._guest.state.token if self.is_visit else reopen_token(self.peer.secret)
        return wire.PairRequest(
            session_id=session_id,
            token=token,
            device_info=DeviceInfo(name=SEALED_DEVICE, id=secrets.token_hex(8)),
            seal=return_seal(self.peer),
        )

    def take_ack(self, ack: str) -> bool:
        """Take the host's ack, and return whether the host has sealed it."""
        return self._guest.take_ack(ack)

    def take_answer(self, answer: str | None, *, is_approved: bool) -> Answer | None:
        """Return the host's own answer; None if it does not open. Then ``peer`` may be set."""
        opened = self._guest.take_answer(answer, is_approved=is_approved)
        if opened is not None and self._guest.peer is not None:
            self.peer = self._guest.peer
            self.host_name, self._session_type = opened.terms.name, opened.terms.session_type
            if opened.terms.left is not None:
                self.ends_at = time.time() + opened.terms.left
        return opened

"""The exceptions of Proxim, as one tree.

::

    ProximError
    ├── RequestError            the node refused a request; has a code on the wire
    │   ├── BadMessage          bad_message
    │   ├── NotRegistered       not_registered
    │   ├── AccessDenied        access_denied
    │   ├── UnknownSession      unknown_session
    │   ├── TokenUsed           token_used
    │   ├── LinkLapsed          link_lapsed
    │   ├── HostOffline         host_offline
    │   ├── NotAllowed          not_allowed
    │   ├── NotApproved         not_approved
    │   ├── AlreadyDecided      already_decided
    │   ├── PeerOffline         peer_offline
    │   ├── LimitReached        limit_reached
    │   ├── RateLimited         rate_limited
    │   ├── Unavailable         unavailable
    │   └── InternalError       internal_error
    ├── SessionOver             the session has ended
    ├── CodeRequired            an approval needs the code that the guest shows; nothing was sent
    ├── NotSupported            the node is too old, or an optional library is missing
    │   └── SealUnavailable     the session cannot be sealed
    ├── Unreachable             the two sides of a session can't connect to each other by WebRTC
    ├── ChannelClosed           the data channel is closed
    ├── WrongCode               the code was wrong, and the guest is rejected
    ├── TransferFailed          a file did not cross; has a reason
    ├── ConnectionLost          the node closed the connection, or cannot be reached
    ├── InvalidLink             the text is not a link
    └── InvalidSetting          the value of a setting cannot be used

The node raises a ``RequestError`` to refuse a request, and sends it as ``error``. The Python SDK
raises the class of the same code from the call that made the request.
"""

from __future__ import annotations

from typing import ClassVar, Self


class ProximError(Exception):
    """The base class of all exceptions of Proxim."""

    def __copy__(self) -> Self:
        """Return a twin, for another task to raise: classes have constructors of their own."""
        twin = type(self).__new__(type(self), *self.args)
        twin.__dict__.update(self.__dict__)
        return twin


class RequestError(ProximError):
    """The node refused a request (protocol: Errors).

    ``session_id`` is the session of the request, ``retry_after`` is in seconds. ``delay`` is the
    number of seconds by which a node delays the error, to slow down guessing.
    """

    code: ClassVar[str] = "internal_error"
    delay: float = 0.0

    def __init__(
        self,
        message: str,
        *,
        session_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.session_id = session_id
        self.retry_after = retry_after


class BadMessage(RequestError):
    """Not JSON, an unknown type, or a field that is missing or invalid."""

    code = "bad_message"


class NotRegistered(RequestError):
    """A host's request on a connection that has not registered."""

    code = "not_registered"


class AccessDenied(RequestError):
    """The node requires an access token, and this one is missing or wrong."""

    code = "access_denied"


class UnknownSession(RequestError):
    """There is no such session, or the proof of access is wrong: both look the same."""

    code = "unknown_session"

    def __init__(
        self,
        message: str = "session not found, or you do not have access to it",
        *,
        session_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id, retry_after=retry_after)


class TokenUsed(RequestError):
    """The token is right, but the link was used before."""

    code = "token_used"


class LinkLapsed(RequestError):
    """The token is right, but the link has expired: it is older than ``qr_ttl``."""

    code = "link_lapsed"


class HostOffline(RequestError):
    """The host is offline, so that no person can approve; the link stays valid."""

    code = "host_offline"


class NotAllowed(RequestError):
    """The connection's seat does not permit this request, or not in this state."""

    code = "not_allowed"


class NotApproved(RequestError):
    """Only an approved session relays signals and hands out ICE servers."""

    code = "not_approved"


class AlreadyDecided(RequestError):
    """The prompt was decided before, and the decision is final."""

    code = "already_decided"


class PeerOffline(RequestError):
    """The peer is offline and its backlog is full: this signal was dropped."""

    code = "peer_offline"


class LimitReached(RequestError):
    """A limit of the node on the number of something is reached."""

    code = "limit_reached"


class RateLimited(RequestError):
    """Too many requests in too short a time; ``retry_after`` says when to try again."""

    code = "rate_limited"


class Unavailable(RequestError):
    """The node cannot save or reach the session now; ``retry_after`` says when to try again."""

    code = "unavailable"

    def __init__(
        self,
        message: str = "the node cannot complete this request now; it may have been done",
        *,
        session_id: str | None = None,
        retry_after: float | None = 2.0,
    ) -> None:
        super().__init__(message, session_id=session_id, retry_after=retry_after)


class InternalError(RequestError):
    """The node failed; the request may have been correct."""

    code = "internal_error"


class SessionOver(ProximError):
    """The session has ended; ``status`` and ``reason`` are those of ``session_ended``."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"the session has ended: {reason}")
        self.status = status
        self.reason = reason


class CodeRequired(ProximError):
    """An approval needs the code of three digits that the guest shows.

    Nothing was sent, and the prompt stays.
    """


class NotSupported(ProximError):
    """The node is too old for what the program asked for, or an optional library is missing."""

    code: ClassVar[str] = "not_supported"


class SealUnavailable(NotSupported):
    """The session cannot be sealed: the node is too old, or this program lacks the secrets.

    Nothing was sent, and nothing is sent without a seal instead.
    """

    code: ClassVar[str] = "seal_unavailable"


class Unreachable(ProximError):
    """The two sides of a session can't connect to each other, or the other one has no WebRTC."""

    code: ClassVar[str] = "unreachable"


class ChannelClosed(ProximError):
    """The data channel is closed, by either side or with the connection under it."""


class WrongCode(ProximError):
    """The code was not the one that the guest shows; the guest is rejected, the session over."""


class ConnectionLost(ProximError):
    """The node cannot be reached, or closed the connection with ``close_code``.

    ``unreached`` is the URL if there was no answer from it at all.
    """

    def __init__(
        self, message: str, *, close_code: int | None = None, unreached: str | None = None
    ) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.unreached = unreached


class TransferFailed(ProximError):
    """A file did not cross the channel (channel protocol: Files).

    ``reason`` is one of the protocol's, or ``interrupted``. ``by_other_side`` is true if the other
    side gave the reason.
    """

    def __init__(self, reason: str, message: str, *, by_other_side: bool = False) -> None:
        super().__init__(message)
        self.reason = reason
        self.by_other_side = by_other_side


class InvalidLink(ProximError):
    """The text is not a link; the message says what a link looks like."""


class InvalidSetting(ProximError):
    """A setting's value is unusable; the text names the setting, its source and what would do."""


REQUEST_ERRORS: dict[str, type[RequestError]] = {
    error.code: error for error in RequestError.__subclasses__()
}
"""Every error that has a code on the wire, by that code."""


def request_error(
    code: str,
    message: str,
    *,
    session_id: str | None = None,
    retry_after: float | None = None,
) -> RequestError:
    """The exception for a wire ``code``; a code from a newer node becomes a plain RequestError."""
    error = REQUEST_ERRORS.get(code, RequestError)
    return error(message, session_id=session_id, retry_after=retry_after)

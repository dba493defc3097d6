"""Everything that can go wrong, as one tree.

::

    ProximError
    ├── RequestError            a request could not be done; has a code on the wire
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
    ├── SessionOver             the session a caller waits on has ended
    ├── ConnectionLost          the node closed the connection, or it cannot be reached
    ├── InvalidLink             what was given as a link is none
    └── InvalidSetting          a setting's value is unusable

The node raises a ``RequestError`` to refuse a request and sends it as ``error``; the Python SDK
raises the class of the same code where the request was made.
"""

from __future__ import annotations

from typing import ClassVar


class ProximError(Exception):
    """The root of the tree."""


class RequestError(ProximError):
    """A request could not be done (protocol: Errors).

    ``session_id`` names the session it was about, ``retry_after`` is in seconds. ``delay`` is by
    how many seconds a node tells it late, to slow down who guesses.
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
    """Not JSON, no such type, or a field that is missing or of the wrong type."""

    code = "bad_message"


class NotRegistered(RequestError):
    """A host's request on a connection that has not registered."""

    code = "not_registered"


class AccessDenied(RequestError):
    """The node asks for an access token, and this was not it."""

    code = "access_denied"


class UnknownSession(RequestError):
    """No such session, or no proof of having a part in it: a stranger cannot tell which."""

    code = "unknown_session"

    def __init__(
        self,
        message: str = "there is no such session, or you have no part in it",
        *,
        session_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, session_id=session_id, retry_after=retry_after)


class TokenUsed(RequestError):
    """The link is right, but somebody has asked with it before."""

    code = "token_used"


class LinkLapsed(RequestError):
    """The link is right, but older than ``qr_ttl``."""

    code = "link_lapsed"


class HostOffline(RequestError):
    """Nobody is there who could approve; the link is not consumed."""

    code = "host_offline"


class NotAllowed(RequestError):
    """The seat that the connection holds may not do this, or not now."""

    code = "not_allowed"


class NotApproved(RequestError):
    """Only an approved session relays signals and hands out ICE servers."""

    code = "not_approved"


class AlreadyDecided(RequestError):
    """The prompt has its outcome, and it does not change."""

    code = "already_decided"


class PeerOffline(RequestError):
    """The peer is away and no more is kept for it: this signal was dropped."""

    code = "peer_offline"


class LimitReached(RequestError):
    """More of something than the node allows."""

    code = "limit_reached"


class RateLimited(RequestError):
    """Too much in too short a time; ``retry_after`` says when to try again."""

    code = "rate_limited"


class Unavailable(RequestError):
    """What this takes cannot be reached for now; ``retry_after`` says when to try again."""

    code = "unavailable"

    def __init__(
        self,
        message: str = "what this takes cannot be reached now; it may yet have been done",
        *,
        session_id: str | None = None,
        retry_after: float | None = 2.0,
    ) -> None:
        super().__init__(message, session_id=session_id, retry_after=retry_after)


class InternalError(RequestError):
    """The node failed; nothing that the client did wrong."""

    code = "internal_error"


class SessionOver(ProximError):
    """The session has ended; ``status`` and ``reason`` are those of ``session_ended``."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(f"the session has ended: {reason}")
        self.status = status
        self.reason = reason


class ConnectionLost(ProximError):
    """The node cannot be reached, or closed the connection with ``close_code``."""

    def __init__(self, message: str, *, close_code: int | None = None) -> None:
        super().__init__(message)
        self.close_code = close_code


class InvalidLink(ProximError):
    """What was given as a link is none; the text says what a link looks like."""


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

"""Checks of a host's requests for a session or a link: which fields go together."""

from __future__ import annotations

from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage
from proxim.protocol.messages import SessionType
from proxim.session.session import Session


def check_new_session(message: wire.CreateSession, *, require_seal: bool) -> None:
    """Raise ``BadMessage`` if a session cannot have these fields, or lacks the seal it needs."""
    _check_ttl(message)
    if message.seal is not None:
        _check_sealed(message)
    elif require_seal:
        raise BadMessage(
            "`seal` is missing: this node opens sealed sessions only (require_seal); use a program "
            "that seals"
        )


def _check_ttl(message: wire.CreateSession) -> None:
    temporary = message.session_type is SessionType.TEMPORARY
    if temporary and message.ttl is None:
        raise BadMessage("`ttl` is missing: a temporary session needs its seconds")
    if not temporary and message.ttl is not None:
        raise BadMessage(f"`ttl` is for temporary sessions, not for {message.session_type}")


def _check_sealed(message: wire.CreateSession) -> None:
    if message.token_hash is None:
        raise BadMessage("`token_hash` is missing: with `seal` only the host may know the link")
    if message.confirm != "none":
        raise BadMessage('`confirm` must be "none" with `seal`, which has a number of its own')


def check_renewal(message: wire.RenewLink, session: Session) -> None:
    """Raise ``BadMessage`` if the node would know the link of a sealed session."""
    if session.sealed and message.token_hash is None:
        raise BadMessage(
            "`token_hash` is missing: only the host may know the link of a sealed session",
            session_id=session.session_id,
        )

"""Checks of requests: the fields that go together, and the owner or seat of the connection."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from proxim.actors.connection import Connection, Owner
from proxim.actors.seat import Seat
from proxim.protocol import messages as wire
from proxim.protocol.errors import BadMessage, NotAllowed, NotRegistered, UnknownSession
from proxim.protocol.messages import ClientMessage, SessionType
from proxim.session.events import Role
from proxim.session.session import Session


def check_new_session(message: wire.CreateSession, *, require_seal: bool) -> None:
    """Raise ``BadMessage`` if a session cannot have these fields, or lacks the seal it needs."""
    _check_ttl(message)
    _check_link_ttl(message)
    _check_link_of_host(message)
    if message.nonce is not None and message.token_hash is None:
        raise BadMessage("`token_hash` is missing: with `nonce` only the host may know the link")
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


def _check_link_ttl(message: wire.CreateSession | wire.RenewLink) -> None:
    if message.link_ttl is not None and message.token_hash is None:
        raise BadMessage(
            "`token_hash` is missing: only a link that the host makes has a `link_ttl` of its own"
        )


def _check_link_of_host(message: wire.CreateSession | wire.RenewLink) -> None:
    if message.token_hash is None:
        return
    for name in ("qr", "join_url"):
        if getattr(message, name) is not None:
            raise BadMessage(
                f"`{name}` needs a link, and with `token_hash` only the host can know it"
            )


def _check_sealed(message: wire.CreateSession) -> None:
    if message.token_hash is None:
        raise BadMessage("`token_hash` is missing: with `seal` only the host may know the link")
    if message.confirm != "none":
        raise BadMessage('`confirm` must be "none" with `seal`, which has a number of its own')


def check_renewal(message: wire.RenewLink, session: Session) -> None:
    """Raise ``BadMessage`` if a link cannot have these fields, or is of a sealed session.

    Raises ``NotAllowed`` if the session, and its limit, are not for a known device.
    """
    _check_link_ttl(message)
    _check_link_of_host(message)
    if message.link_ttl is not None and not session.standing:
        raise NotAllowed(
            "`link_ttl` prolongs only the link of a session that was opened with one",
            session_id=session.session_id,
        )
    if session.sealed and message.token_hash is None:
        raise BadMessage(
            "`token_hash` is missing: only the host may know the link of a sealed session",
            session_id=session.session_id,
        )


def owner_of(connection: Connection) -> Owner:
    """Return the owner that a connection has registered as. Raises ``NotRegistered``."""
    if connection.owner is None:
        raise NotRegistered("`register` comes first")
    return connection.owner


def seat_of(connection: Connection, session_id: str) -> Seat:
    """Return the seat that a connection has in a session. Raises ``UnknownSession``."""
    seat = connection.seats.get(session_id)
    if seat is None:
        raise UnknownSession(session_id=session_id)
    return seat


def host_seat_of(connection: Connection, session_id: str) -> Seat:
    """Return the host seat of a connection.

    Raises ``NotRegistered``, ``UnknownSession``, or ``NotAllowed`` for a guest.
    """
    if session_id not in connection.seats:
        owner_of(connection)
    seat = seat_of(connection, session_id)
    if seat.role is not Role.HOST:
        raise NotAllowed("only the host may do this", session_id=session_id)
    return seat


def guest_seat_of(connection: Connection, session_id: str) -> Seat:
    """Return the guest seat of a connection. Raises ``UnknownSession``, ``NotAllowed``."""
    seat = seat_of(connection, session_id)
    if seat.role is not Role.GUEST:
        raise NotAllowed("only the guest may do this", session_id=session_id)
    return seat


def ref_of(message: ClientMessage) -> str | UnsetType:
    """Return the ``ref`` for the reply to a request."""
    return UNSET if message.ref is None else message.ref

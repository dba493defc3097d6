"""The router: it turns a client's message into an event in the inbox of the right session.

The seat of a connection says what the connection may do, never a claim in a message.
There is one exception: the owner may close a session without taking its seat.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine

from proxim import clock
from proxim.actors.checks import guest_seat_of, host_seat_of, ref_of, seat_of
from proxim.actors.connection import Connection
from proxim.actors.guesses import AccessCheck, SeatGuesses
from proxim.actors.hosting import Hosting
from proxim.actors.inbox import Envelope, Receipt
from proxim.actors.invitations import Invitations, new_code, new_resume_token
from proxim.actors.relay import post_from, relay
from proxim.actors.stats import CONTESTED, LAPSED
from proxim.actors.supervisor import Supervisor
from proxim.protocol import messages as wire
from proxim.protocol.errors import (
    LinkLapsed,
    NotAllowed,
    RequestError,
    TokenUsed,
    UnknownSession,
)
from proxim.protocol.messages import ClientMessage
from proxim.session import events as ev
from proxim.session.events import Event, Role


class Router:
    """Routes the messages of all connections of a node to the right actors.

    If there is an ``access_token``, only a client that sends it may register. With ``require_seal``
    only sealed sessions are opened. ``stats`` and ``limits`` are the supervisor's.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        invitations: Invitations,
        access_token: str | None = None,
        *,
        require_seal: bool = False,
    ) -> None:
        self.stats = supervisor.stats
        self.limits = supervisor.limits
        self._supervisor = supervisor
        restart_time = self.limits.settings.restart_time
        self._guesses = SeatGuesses(self.limits.guesses, self.stats, restart_time)
        access = AccessCheck(access_token, self.limits.access_guesses, self.stats)
        self._hosting = Hosting(supervisor, invitations, access, require_seal=require_seal)

    def route_now(self, connection: Connection, message: ClientMessage) -> bool:
        """Handle a message if there is nothing to wait for, and return whether that was so.

        Raises what ``route`` does.
        """
        if not self._supervisor.has_caught_up:
            return False
        if self._post(connection, message):
            return True
        match message:
            case wire.Register() if not self._hosting.may_wait(connection, message):
                _finish(self._hosting.register(connection, message))
            case wire.CreateSession() if not self._hosting.may_wait(connection, message):
                _finish(self._hosting.create_session(connection, message))
            case _:
                return False
        return True

    def ask_now(
        self,
        connection: Connection,
        message: ClientMessage,
        refuse: Callable[[RequestError], None],
    ) -> Receipt | None:
        """Ask the session for the guest seat, if it is at this node; return the receipt.

        ``refuse`` is called with the refusal, if there is one. Return None for other requests.
        Raises ``NotAllowed`` and ``RateLimited`` as ``route`` does.
        """
        if not isinstance(message, wire.PairRequest) or not self._supervisor.has_caught_up:
            return None
        actor = self._supervisor.find(message.session_id)
        if actor is None:
            return None
        guess_key = self._check_seat_request(connection, message)
        receipt = actor.ask(Envelope(_pair_event(message), connection, message.ref))
        receipt.on_refusal(
            lambda refusal: refuse(self._count_refusal(refusal, guess_key, connection))
        )
        return receipt

    def _post(self, connection: Connection, message: ClientMessage) -> bool:
        """Put a request into the inbox of the session in which the connection has a seat.

        Return whether it is such a request, or a ping.
        """
        match message:
            case wire.PairDecision():
                decided = ev.HostDecided(message.approve, message.code, message.seal)
                post_from(host_seat_of(connection, message.session_id), decided, message)
            case wire.PairAck():
                acknowledged = ev.HostAcknowledged(message.seal)
                post_from(host_seat_of(connection, message.session_id), acknowledged, message)
            case wire.PairCancel():
                seat = guest_seat_of(connection, message.session_id)
                post_from(seat, ev.PairCancelled(), message)
            case wire.CloseSession() if message.session_id in connection.seats:
                seat = connection.seats[message.session_id]
                # A later signal must not overtake this request on the line.
                seat.actor.close_line()
                post_from(seat, ev.CloseRequested(seat.role), message)
            case wire.RefreshIce():
                if not connection.has_left:
                    post_from(seat_of(connection, message.session_id), ev.IceRequested(), message)
            case wire.Ping():
                if not connection.has_left:
                    connection.tell(wire.Pong(ref=ref_of(message)))
            case _:
                return False
        return True

    async def route(self, connection: Connection, message: ClientMessage) -> None:
        """Handle a message; the reply is sent to the connection.

        For a client that has hung up, requests whose only effect is an answer are dropped, and
        nothing is drawn; the others are done. Raises a ``RequestError`` if the message is refused
        (protocol: Errors).
        """
        if isinstance(message, wire.Signal):
            # Of an embedded host; the reader of a socket relays its signals itself.
            relay(connection, message, clock.now())
            return
        await self._supervisor.catch_up()
        if self._post(connection, message):
            return
        match message:
            case wire.PairRequest():
                await self._request_seat(connection, message, _pair_event(message))
            case wire.Resume():
                token = message.resume_token
                is_seated = message.session_id in connection.seats
                event = ev.ResumeRequested(token, new_resume_token(token), is_seated)
                await self._request_seat(connection, message, event)
            case wire.Register():
                await self._hosting.register(connection, message)
            case wire.CreateSession():
                await self._hosting.create_session(connection, message)
            case wire.RenewLink():
                await self._hosting.renew_link(connection, message)
            case wire.ListSessions():
                if not connection.has_left:
                    await self._hosting.list_sessions(connection, message)
            case _:
                assert isinstance(message, wire.CloseSession)
                await self._close_as_owner(connection, message.session_id, message.ref)

    async def _close_as_owner(
        self, connection: Connection, session_id: str, ref: str | None
    ) -> None:
        """End a session of the owner, even while another program holds its host seat."""
        if connection.owner is not None:
            handle = await self._supervisor.find_anywhere(session_id)
            if handle is not None and connection.owner == handle.owner:
                handle.post(Envelope(ev.CloseRequested(None), connection, ref))
                return
        raise UnknownSession(session_id=session_id)

    # -- the guest's requests ----------------------------------------------------------------

    async def _request_seat(
        self, connection: Connection, message: wire.PairRequest | wire.Resume, event: Event
    ) -> None:
        """Ask the session for the guest seat, and wait for its answer.

        Until then no further message of this connection is read.
        """
        guess_key = self._check_seat_request(connection, message)
        handle = await self._supervisor.find_anywhere(message.session_id)
        if handle is None:
            unknown = UnknownSession(session_id=message.session_id)
            raise self._count_refusal(unknown, guess_key, connection)
        if isinstance(message, wire.Resume):
            # The seat's backlog comes on top of the outbox's bound: never two of them at once.
            await connection.wait_for_room()
        receipt = handle.ask(Envelope(event, connection, message.ref))
        await receipt.wait()
        if receipt.refusal is not None:
            raise self._count_refusal(receipt.refusal, guess_key, connection)

    def _check_seat_request(
        self, connection: Connection, message: wire.PairRequest | wire.Resume
    ) -> str | None:
        """Return the key under which a wrong token counts. Raises ``NotAllowed`` for the host."""
        seat = connection.seats.get(message.session_id)
        if seat is not None and seat.role is Role.HOST:
            raise NotAllowed("this connection is the session's host", session_id=message.session_id)
        return self._guesses.check_request(connection, message)

    def _count_refusal(
        self, refusal: RequestError, guess_key: str | None, connection: Connection
    ) -> RequestError:
        if isinstance(refusal, LinkLapsed | TokenUsed):
            self.stats.outcomes[LAPSED if isinstance(refusal, LinkLapsed) else CONTESTED] += 1
        return self._guesses.count_refusal(refusal, guess_key, connection.address)


def _pair_event(message: wire.PairRequest) -> ev.PairRequested:
    return ev.PairRequested(
        message.token, message.device_info, new_resume_token(), new_code(), message.seal
    )


def _finish(work: Coroutine[object, None, None]) -> None:
    """Run a coroutine that waits for nothing; no task has to be woken for it."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("a request waits that has nothing to wait for")

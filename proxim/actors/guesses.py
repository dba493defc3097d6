"""Wrong secrets: each is answered later than the one before it, and then refused for a while."""

from __future__ import annotations

from proxim import clock
from proxim.actors.connection import Connection
from proxim.actors.limits import FIRST_DELAY, LOOPBACK, SlidingWindow, delay, key_of
from proxim.actors.stats import Stats
from proxim.protocol import tokens
from proxim.protocol.errors import AccessDenied, RateLimited, RequestError, UnknownSession
from proxim.protocol.messages import PairRequest, Resume

UNCOUNTED = ""
"""The key of a secret that does not count when it is wrong, though its answer comes late."""


class Guesses:
    """Limits wrong secrets of one kind, by a key; None is never limited."""

    def __init__(self, window: SlidingWindow, stats: Stats) -> None:
        self._window = window
        self._stats = stats

    def check(self, key: str | None) -> None:
        """Raise ``RateLimited`` after too many wrong secrets, before another one is looked at.

        Only for secrets that may be found by trying: all others must not suffer from a neighbour.
        """
        wait = self._window.retry_after(key, clock.now())
        if wait > 0:
            self._stats.refusals["guesses_per_address"] += 1
            raise RateLimited("too many wrong ids or tokens from this address", retry_after=wait)

    def count_refusal(
        self, refusal: RequestError, key: str | None, address: str | None
    ) -> RequestError:
        """Return the refusal of a request, and count it if it was for a wrong secret.

        Such a refusal has a delay, and is ``RateLimited`` after too many.
        """
        if isinstance(refusal, UnknownSession | AccessDenied) and key == UNCOUNTED:
            refusal.delay = FIRST_DELAY
        elif isinstance(refusal, UnknownSession | AccessDenied) and key is not None:
            try:
                self.check(key)
            except RateLimited as too_many:
                return too_many
            refusal.delay = delay(self._window.add(key, clock.now(), address))
        return refusal


class SeatGuesses(Guesses):
    """Limits wrong pairing and resume tokens, by address and session.

    An unknown session counts like a wrong token, so that the answers do not tell them apart. Each
    session counts alone: a client that asks for one that is gone harms no neighbour. For
    ``restart_time`` seconds after the start of the node a token that nobody can find by trying does
    not count: all clients of an office come back then, for sessions that the node has forgotten.
    """

    def __init__(self, window: SlidingWindow, stats: Stats, restart_time: float) -> None:
        super().__init__(window, stats)
        self._counts_all_from = clock.now() + restart_time

    def check_request(self, connection: Connection, request: PairRequest | Resume) -> str | None:
        """Return the key under which a wrong token counts. Raises ``RateLimited`` after too many.

        Only short tokens are refused, which some hosts make themselves.
        """
        if connection.address is None:
            return None
        key = key_of(connection.address, request.session_id)
        token = request.token if isinstance(request, PairRequest) else request.resume_token
        if not tokens.is_unguessable(token):
            self.check(key)
        elif clock.now() < self._counts_all_from:
            return UNCOUNTED
        return key


class AccessCheck(Guesses):
    """Checks access tokens, by address. Without an ``access_token`` it accepts every client."""

    def __init__(self, access_token: str | None, window: SlidingWindow, stats: Stats) -> None:
        super().__init__(window, stats)
        self._hash = None if access_token is None else tokens.digest(access_token)
        self._is_guessable = len(access_token or "") < tokens.ACCESS_TOKEN_LENGTH
        self._local = SlidingWindow(window.most, window.window)

    @property
    def is_required(self) -> bool:
        """Whether a client needs an access token."""
        return self._hash is not None

    def admit(self, connection: Connection, access_token: str | None) -> None:
        """Raise ``AccessDenied`` or ``RateLimited`` unless the token is right."""
        if self._hash is None:
            return
        denied = AccessDenied("a valid access token is required to register")
        if access_token is None:
            raise denied
        # A program on this machine cannot lock the owner of the node out: it has no address here.
        if self._is_guessable:
            self.check(connection.address)
        if not tokens.matches(access_token, self._hash):
            if self._is_guessable and connection.address is None:
                # All programs on this machine together are slowed down, and never refused.
                denied.delay = delay(self._local.add(LOOPBACK, clock.now()))
            raise self.count_refusal(denied, connection.address, connection.address)

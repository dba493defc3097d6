"""The ICE servers that a node hands out, configured and from a provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from proxim import clock
from proxim.ice.options import IceOptions
from proxim.ice.provider import Provider
from proxim.private_files import check_private
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant

_USER_BYTES = 8
_MAX_USERS = 10_000
"""Peers whose user name is remembered; for older ones there is a new name at their next request."""


class _User(NamedTuple):
    """A TURN user name, when it expires on the wall clock, and when another one takes its place."""

    name: str
    expiry: int
    renewed_at: float


class ConfiguredIce:
    """A node's source of ICE servers.

    ``wall`` is the wall clock, in seconds since 1970; ``now`` is a clock that is never set.

    Raises ``InvalidSetting`` if the file with the secret cannot be read.
    """

    def __init__(
        self,
        options: IceOptions,
        wall: Callable[[], float] = time.time,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._options = options
        self._wall = wall
        self._now = now
        self._secret = _read_secret(options)
        self._users: dict[str, _User] = {}
        self._provider = None if options.ice_provider is None else Provider(options)

    async def run(self) -> None:
        """Ask the provider periodically, if there is one."""
        if self._provider is not None:
            await self._provider.run()

    def grant(self, lifetime: float, peer: str) -> IceGrant:
        """Return the ICE servers for ``peer`` of a session that ends within ``lifetime`` seconds.

        Each peer gets its own TURN credentials from the shared secret, and the same ones again
        until half of their time is over. This never waits for the provider.
        """
        servers: list[IceServer] = []
        ttl = lifetime
        options = self._options
        if options.stun:
            servers.append(IceServer(list(options.stun)))
        if self._secret is not None:
            now = self._wall()
            user = self._user(peer, lifetime, now)
            ttl = max(0.0, user.expiry - now)
            servers.append(turn_credentials(options.turn, self._secret, user.expiry, user.name))
        elif options.turn:
            servers.append(
                IceServer(list(options.turn), options.turn_username, options.turn_credential)
            )
        if self._provider is not None:
            provided = self._provider.grant(ttl)
            servers += provided.servers
            ttl = provided.ttl
        return IceGrant(servers, ttl)

    def _user(self, peer: str, lifetime: float, wall: float) -> _User:
        """Return the TURN user of a peer, which may have another one once half its time is over."""
        ttl = self._options.turn_ttl
        latest = int(wall + min(lifetime, ttl))
        user = self._users.pop(peer, None)
        if user is None or user.expiry > latest:
            lasts = False
        elif lifetime <= ttl:
            # Another user would expire at the end of the session, too, and be rounded.
            lasts = latest - user.expiry <= 1
        else:
            lasts = self._now() < user.renewed_at and user.expiry >= wall + ttl / 2
        if user is None or not lasts:
            name = secrets.token_hex(_USER_BYTES)
            user = _User(name, latest, self._now() + ttl / 2)
        self._users[peer] = user
        if len(self._users) > _MAX_USERS:
            del self._users[next(iter(self._users))]
        return user


def turn_credentials(urls: tuple[str, ...], secret: str, expiry: int, user: str) -> IceServer:
    """Return TURN credentials for ``user`` until ``expiry`` (seconds since 1970).

    The format is that of draft-uberti-behave-turn-rest-00, which coturn and others implement: the
    username is ``<expiry>:<user>``, the password its HMAC-SHA1 in base64.
    """
    username = f"{expiry}:{user}"
    password = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    return IceServer(list(urls), username, base64.b64encode(password).decode())


def _read_secret(options: IceOptions) -> str | None:
    path = options.turn_secret_file
    if path is None:
        return options.turn_secret
    try:
        # Editors on Windows begin a file with a byte order mark.
        secret = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSetting(f"turn_secret_file: {path} cannot be read: {why}") from None
    if not secret:
        raise InvalidSetting(f"turn_secret_file: {path} is empty")
    if not secret.isprintable():
        raise InvalidSetting(
            f"turn_secret_file: {path} must have one line, the secret, of printable characters"
        )
    check_private("turn_secret_file", path)
    return secret

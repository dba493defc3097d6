"""The ICE servers that a node hands out, configured and from a provider."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from proxim.ice.options import IceOptions
from proxim.ice.provider import Provider
from proxim.protocol.errors import InvalidSetting
from proxim.protocol.messages import IceServer
from proxim.session.ice import IceGrant

_USER_BYTES = 8


class ConfiguredIce:
    """A node's source of ICE servers. ``wall`` is the wall clock, in seconds since 1970.

    Raises ``InvalidSetting`` if the file with the secret cannot be read.
    """

    def __init__(self, options: IceOptions, wall: Callable[[], float] = time.time) -> None:
        self._options = options
        self._wall = wall
        self._secret = _read_secret(options)
        self._provider = None if options.ice_provider is None else Provider(options)

    async def run(self) -> None:
        """Ask the provider periodically, if there is one."""
        if self._provider is not None:
            await self._provider.run()

    def grant(self, lifetime: float) -> IceGrant:
        """Return the ICE servers for a peer of a session that ends within ``lifetime`` seconds.

        Each peer gets its own TURN credentials from the shared secret. This never waits for the
        provider.
        """
        servers: list[IceServer] = []
        ttl = lifetime
        options = self._options
        if options.stun:
            servers.append(IceServer(list(options.stun)))
        if self._secret is not None:
            now = self._wall()
            expiry = int(now + min(ttl, options.turn_ttl))
            ttl = max(0.0, expiry - now)
            user = secrets.token_hex(_USER_BYTES)
            servers.append(turn_credentials(options.turn, self._secret, expiry, user))
        elif options.turn:
            servers.append(
                IceServer(list(options.turn), options.turn_username, options.turn_credential)
            )
        if self._provider is not None:
            provided = self._provider.grant(ttl)
            servers += provided.servers
            ttl = provided.ttl
        return IceGrant(servers, ttl)


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
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidSetting(f"turn_secret_file: {path} cannot be read: {why}") from None
    if not secret:
        raise InvalidSetting(f"turn_secret_file: {path} is empty")
    return secret

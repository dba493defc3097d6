"""The settings of ICE servers, and their check."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from msgspec import Struct

from proxim.ice.urls import check_urls
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent

_VISIBLE = re.compile(r"[\x21-\x7e]+")
"""The characters of a URL (RFC 3986, 2) and of a Bearer token."""


class IceOptions(Struct, frozen=True):
    """STUN and TURN servers, their credentials, and a provider of more. Times in seconds."""

    stun: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    turn_secret: str | None = None
    turn_secret_file: str | None = None
    turn_username: str | None = None
    turn_credential: str | None = None
    turn_ttl: float = 3600.0
    ice_provider: str | None = None
    ice_provider_token: str | None = None
    ice_provider_timeout: float = 5.0
    ice_provider_cache: float = 600.0

    def __repr__(self) -> str:
        secret = ("turn_secret", "turn_credential", "ice_provider", "ice_provider_token")
        return represent(self, secret)

    def check(self) -> None:
        """Raise ``InvalidSetting`` for invalid URLs and for settings that exclude each other."""
        check_urls("stun", self.stun)
        check_urls("turn", self.turn)
        self._check_credentials()
        if self.ice_provider is not None:
            _check_provider(self.ice_provider)
            token = self.ice_provider_token
            if token is not None and not _VISIBLE.fullmatch(token):
                raise InvalidSetting(
                    "ice_provider_token: this has a character that is not allowed in a token, such "
                    "as a space or a line end; use only visible ASCII characters"
                )
        elif self.ice_provider_token is not None:
            raise InvalidSetting("ice_provider_token needs ice_provider: give both")

    def _check_credentials(self) -> None:
        if (self.turn_username is None) != (self.turn_credential is None):
            raise InvalidSetting("turn_username and turn_credential go together: give both")
        credentials = [self.turn_secret, self.turn_secret_file, self.turn_username]
        given = sum(each is not None for each in credentials)
        if given > 1:
            raise InvalidSetting(
                "turn_secret, turn_secret_file, and turn_username with turn_credential "
                "exclude each other: give one"
            )
        if self.turn and not given:
            raise InvalidSetting(
                "turn: a TURN server needs credentials: give turn_secret (the server's own, for "
                "credentials that expire), turn_secret_file, or turn_username and turn_credential"
            )
        if given and not self.turn:
            raise InvalidSetting("TURN credentials are set without a TURN server: give turn, too")


def _check_provider(url: str) -> None:
    try:
        parts = urlsplit(url)
        if (
            _VISIBLE.fullmatch(url)
            and parts.scheme in ("http", "https")
            and parts.hostname
            and parts.hostname.encode("idna")
            and parts.port != 0
        ):
            return
    except ValueError:
        pass
    # The error does not show the URL, which may have a password.
    raise InvalidSetting(
        "ice_provider: this is not an http or https URL such as https://turn.example/credentials"
    )

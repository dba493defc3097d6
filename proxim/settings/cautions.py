"""Settings that are valid, but tell a secret, or give something to everybody."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from proxim.private_files import access_of_others
from proxim.settings.catalog import SETTINGS
from proxim.settings.fields import Settings

MIN_TOKEN_LENGTH = 22
"""Characters of an access token that nobody guesses: 128 random bits in base64."""

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Caution(NamedTuple):
    """What is wrong, and how to mend it. ``check`` is a name for `proxim doctor`."""

    check: str
    found: str
    remedy: str


def cautions(
    settings: Settings, sources: Mapping[str, str], config: Path | None
) -> Iterator[Caution]:
    """Yield the cautions for settings from these sources, which ``load_with_sources`` returns."""
    secrets = [
        each for each in SETTINGS if each.help.is_secret and _has_secret(settings, each.name)
    ]
    exposed = [each for each in secrets if sources[each.name] == each.flag]
    if exposed:
        yield Caution(
            "secrets",
            f"all users of this machine can see {', '.join(each.flag for each in exposed)} "
            "in the command line",
            f"set {', '.join(each.variable for each in exposed)}, or use a config file",
        )
    if config is not None:
        others = access_of_others(config)
        if others & os.W_OK:
            yield Caution("config", f"all users of this machine can write {config}", "chmod o-w it")
        elif others & os.R_OK and any(
            sources[each.name].startswith(f"{config}:") for each in secrets
        ):
            yield Caution(
                "config",
                f"all users of this machine can read {config}, which has secrets",
                "chmod o-r it",
            )
    if settings.access_token is not None and len(settings.access_token) < MIN_TOKEN_LENGTH:
        yield Caution(
            "access_token",
            f"access_token has fewer than {MIN_TOKEN_LENGTH} characters, and might be guessed",
            "make one with `openssl rand -base64 24`",
        )
    is_public = settings.lan or settings.host not in _LOOPBACK or settings.public_url is not None
    if settings.turn and settings.access_token is None and is_public:
        yield Caution(
            "turn",
            "without access_token, everybody who reaches the node gets TURN credentials",
            "set access_token, unless that is what you want",
        )


def _has_secret(settings: Settings, name: str) -> bool:
    """Return whether a setting has a secret; a URL has one only with a login or a query."""
    value = getattr(settings, name)
    return value is not None and ("://" not in value or "@" in value or "?" in value)

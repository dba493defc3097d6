"""Settings that work, but that an operator may not mean, or that tell a secret."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from proxim.private_files import access_of_others
from proxim.protocol.tokens import ACCESS_TOKEN_LENGTH
from proxim.settings.catalog import SETTINGS
from proxim.settings.fields import Settings

log = logging.getLogger(__name__)


class Advice(Struct, frozen=True):
    """What is wrong with a setting, or with where it was given, and what to do about it."""

    setting: str
    found: str
    remedy: str


def warn(settings: Settings) -> None:
    """Log a warning for each setting that may be meant otherwise."""
    for each in advice(settings):
        log.warning("%s: %s; %s", each.setting, each.found, each.remedy)


def advice(settings: Settings) -> Iterator[Advice]:
    """Yield what a node warns about when it starts."""
    token = settings.access_token
    if token is not None and len(token) < ACCESS_TOKEN_LENGTH:
        yield Advice(
            "access_token",
            f"the token has fewer than {ACCESS_TOKEN_LENGTH} characters: an attacker may find it "
            "by trying, and wrong tokens from an address keep the hosts there from registering",
            "set a longer token, for example the output of `openssl rand -base64 24`",
        )
    if token is None and (settings.turn or settings.ice_provider):
        yield Advice(
            "turn" if settings.turn else "ice_provider",
            "without access_token every client that reaches the node can open a session and use "
            "the relay",
            "set access_token",
        )
    if settings.require_seal and settings.join_url is not None:
        yield Advice(
            "join_url",
            "with require_seal the hosts make all links, and no link leads there",
            "have the hosts name the page, and leave join_url out",
        )


def advice_for_public_nodes(settings: Settings) -> Iterator[Advice]:
    """Yield what an operator should think of whose node is open to strangers."""
    if settings.public_url is not None and settings.access_token is None and not settings.idle_days:
        yield Advice(
            "idle_days",
            "every host may open sessions here, and persistent sessions stay until a side ends "
            "them",
            "end unused sessions, for example with --idle-days 30, or set access_token",
        )


def advice_on_secrets(
    settings: Settings, sources: Mapping[str, str], config: Path | None
) -> Iterator[Advice]:
    """Yield who else can see secrets, by the sources that ``load_with_sources`` returns."""
    secrets = [
        each for each in SETTINGS if each.help.is_secret and _has_secret(settings, each.name)
    ]
    exposed = [each for each in secrets if sources[each.name] == each.flag]
    if exposed:
        yield Advice(
            "secrets",
            f"all users of this machine can see {', '.join(each.flag for each in exposed)} "
            "in the command line",
            f"set {', '.join(each.variable for each in exposed)}, or use a config file",
        )
    if config is not None:
        others = access_of_others(config)
        if others & os.W_OK:
            yield Advice("config", f"all users of this machine can write {config}", "chmod o-w it")
        elif others & os.R_OK and any(
            sources[each.name].startswith(f"{config}:") for each in secrets
        ):
            yield Advice(
                "config",
                f"all users of this machine can read {config}, which has secrets",
                "chmod o-r it",
            )


def _has_secret(settings: Settings, name: str) -> bool:
    """Return whether a setting has a secret; a URL has one only with a login or a query."""
    value = getattr(settings, name)
    return value is not None and ("://" not in value or "@" in value or "?" in value)

"""Settings that work, but that an operator may not mean."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from msgspec import Struct

from proxim.protocol.tokens import ACCESS_TOKEN_LENGTH
from proxim.settings.fields import Settings

log = logging.getLogger(__name__)


class Advice(Struct, frozen=True):
    """What is wrong with a setting, and what to do about it."""

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
            f"it has fewer than {ACCESS_TOKEN_LENGTH} characters: it may be found by trying, "
            "and wrong ones from an address keep the hosts there from registering",
            "give a longer one, for example the output of `openssl rand -base64 24`",
        )
    if token is None and (settings.turn or settings.ice_provider):
        yield Advice(
            "turn" if settings.turn else "ice_provider",
            "without access_token everybody who reaches the node may open a session and use the "
            "relay",
            "set access_token",
        )


def advice_for_public_nodes(settings: Settings) -> Iterator[Advice]:
    """Yield what an operator should think of whose node is open to strangers."""
    if settings.public_url is not None and settings.access_token is None and not settings.idle_days:
        yield Advice(
            "idle_days",
            "every host may open sessions here, and persistent ones stay until somebody ends them",
            "end forgotten ones, for example with --idle-days 30, or set access_token",
        )

"""What to do with the signals of the other side (docs/reference/channel.md: Connecting).

Everything that decides about the negotiation lives here. It is pure: no task, clock or network.
The other side may be a browser, which can do more than aiortc. aiortc cannot restart ICE and
cannot withdraw an offer. So this side

- offers only as the host, and one time for each connection;
- answers an ICE restart of the other side with a new connection, and so with a new name.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal

from msgspec import Struct

Role = Literal["host", "guest"]
Description = Mapping[str, str]

MAX_NAME = 64
"""Characters of the name of a connection."""

MAX_CANDIDATES = 256
"""Candidates that the other side may send for one connection."""

MAX_STARTS = 20
STARTS_TIME = 60.0
"""How often the other side may cause a new connection within these seconds."""

MAX_DESCRIPTIONS = 60
"""Descriptions that the other side may send within ``STARTS_TIME``, as in ``peer-limits.js``."""

MAX_MEDIA = 8
"""Media of a description. Each takes aiortc about 10 ms, in which no channel of the process moves.
A browser, which uses them, allows 64."""

MAX_ATTRIBUTES = 512
"""Lines of a description that say how media are encoded. aiortc makes an object for each pair of
some of them, so that it takes up to 50 ms. Chromium has 126 for a microphone and a camera, and 109
for each further camera."""

ATTRIBUTES = ("a=rtpmap:", "a=rtcp-fb:", "a=fmtp:", "a=ssrc:", "a=extmap:")

MIN_MESSAGE_SIZE = 65_536
"""Bytes of a message that each side has to accept, unless it says 0, for any size. It is the size
of a side that says nothing (RFC 8841), and the largest message of files."""

_ICE = re.compile(r"^a=ice-(?:ufrag|pwd):(\S+)", re.MULTILINE)


class Connect(Struct, frozen=True):
    """Replace the connection by a new one; ``offers`` if this side makes the offer."""

    offers: bool


class Send(Struct, frozen=True):
    """Send ``rtc`` to the other side."""

    rtc: Mapping[str, object]


class Answer(Struct, frozen=True):
    """Apply an offer, and send the answer."""

    offer: Description


class Accept(Struct, frozen=True):
    """Apply an answer."""

    answer: Description


class AddCandidate(Struct, frozen=True):
    """Add a candidate of the other side; None after the last one."""

    candidate: Mapping[str, Any] | None


class GiveUp(Struct, frozen=True):
    """The other side has no WebRTC."""


class Complain(Struct, frozen=True):
    """Ignore the signal, since the other side exceeds a limit."""

    why: str


Effect = Connect | Send | Answer | Accept | AddCandidate | GiveUp | Complain


class Negotiation:
    """Turns signals into effects. ``name`` identifies this side's connection.

    ``is_connecting`` is false before ``start`` and after ``stop``; a new connection of the other
    side then starts this one, too.
    """

    def __init__(
        self, role: Role, make_name: Callable[[], str] = lambda: secrets.token_hex(4)
    ) -> None:
        self.role = role
        self.name = ""
        self.is_connecting = False
        self._make_name = make_name
        self._remote = ""
        self._starts = deque[float](maxlen=MAX_STARTS)
        self._descriptions = deque[float](maxlen=MAX_DESCRIPTIONS)
        self._reset()

    def _reset(self) -> None:
        self._local: Description | None = None
        self._applied: Description | None = None
        self._ignores_offer = False
        self._candidates = 0

    def start(self, remote: str = "") -> list[Effect]:
        """Start a new connection, to the connection ``remote`` if its name is known."""
        self.is_connecting = True
        self.name = self._make_name()
        self._remote = remote
        self._reset()
        if self.role == "host":
            return [Connect(offers=True)]
        return [Connect(offers=False), self._send()]

    def stop(self) -> None:
        """Give the connection up. A signal that is still for it starts a new one."""
        self.is_connecting = False
        self._remote = ""
        self._reset()

    def described(self, description: Description) -> list[Effect]:
        """Send this side's offer or answer, which is ready now."""
        self._local = description
        return [self._send(description=description)]

    def repeat(self) -> list[Effect]:
        """Send again what the other side may have missed, if it has not answered."""
        if self._applied is not None or not self.is_connecting:
            return []
        if self.role == "guest":
            return [self._send()]
        return [self._send(description=self._local)] if self._local else []

    def receive(self, rtc: Mapping[str, Any], now: float) -> list[Effect]:
        """Return what to do with a signal. ``now`` is in seconds, on any clock."""
        if rtc.get("unavailable") is True:
            return [GiveUp()]
        sender, to = rtc.get("from"), rtc.get("to")
        if not isinstance(sender, str) or not 0 < len(sender) <= MAX_NAME:
            return []
        if to and to != self.name:
            return []
        effects = [] if sender == self._remote else self._follow(sender, now)
        if any(isinstance(effect, Complain) for effect in effects):
            return effects
        description = _description(rtc.get("description"))
        if description is not None:
            return effects + self._describe(description, now)
        if "candidate" in rtc and not self._ignores_offer:
            return effects + self._add_candidate(rtc["candidate"])
        return effects

    def _follow(self, sender: str, now: float) -> list[Effect]:
        """Follow the other side, which has started a new connection.

        Start again, too, but only after a description was applied. Otherwise both sides would
        start again because of each other, for ever.
        """
        if not _may(self._starts, now):
            return [Complain("the other side starts again too often")]
        if self._applied is not None or not self.is_connecting:
            return self.start(sender)
        earlier, self._remote = self._remote, sender
        if earlier and self._local:
            # The offer went to a connection that is gone.
            return [self._send(description=self._local)]
        return []

    def _describe(self, description: Description, now: float) -> list[Effect]:
        if (problem := _problem_of(description["sdp"])) is not None:
            return [Complain(problem)]
        if not _may(self._descriptions, now):
            return [Complain("the other side describes its connection too often")]
        if description["type"] == "answer":
            if self.role == "guest" or self._applied is not None:
                return []
            self._ignores_offer = False
            self._applied = description
            return [Accept(description)]
        # The host's own offer has precedence, and the guest withdraws its own.
        self._ignores_offer = self.role == "host" and self._applied is None
        if self._ignores_offer:
            return []
        if description == self._applied and self._local:
            return [self._send(description=self._local)]
        if self._applied is not None and _ice(description) != _ice(self._applied):
            if not _may(self._starts, now):
                return [Complain("the other side restarts ICE too often")]
            return self.start()
        self._applied = description
        return [Answer(description)]

    def _add_candidate(self, candidate: object) -> list[Effect]:
        self._candidates += 1
        # Before a description aiortc has no use for a candidate.
        if self._candidates > MAX_CANDIDATES or self._applied is None:
            return []
        if candidate is None or isinstance(candidate, Mapping):
            return [AddCandidate(candidate)]
        return []

    def _send(self, **content: object) -> Send:
        to = {"to": self._remote} if self._remote else {}
        return Send({"from": self.name, **to, **content})


def _may(times: deque[float], now: float) -> bool:
    """Count what the other side does now; return false if that is too often."""
    while times and now - times[0] >= STARTS_TIME:
        times.popleft()
    if len(times) == times.maxlen:
        return False
    times.append(now)
    return True


def _problem_of(sdp: str) -> str | None:
    """Return why a description is not applied, or None. It has the lines that aiortc sees."""
    candidates = media = attributes = 0
    for line in sdp.splitlines():
        candidates += line.startswith("a=candidate:")
        media += line.startswith("m=")
        attributes += line.startswith(ATTRIBUTES)
        if line.startswith("a=max-message-size:"):
            with suppress(ValueError):  # aiortc refuses what is not a number.
                size = int(line.partition(":")[2])
                if size != 0 and size < MIN_MESSAGE_SIZE:
                    return f"the other side accepts only messages under {MIN_MESSAGE_SIZE} bytes"
    if candidates > MAX_CANDIDATES:
        return "the other side sends too many candidates"
    if attributes > MAX_ATTRIBUTES:
        return "the other side sends too many attributes of media"
    return "the other side sends too many media" if media > MAX_MEDIA else None


def _description(value: object) -> Description | None:
    """Return a description if it is one, without other fields."""
    if not isinstance(value, Mapping):
        return None
    kind, sdp = value.get("type"), value.get("sdp")
    if kind not in ("offer", "answer") or not isinstance(sdp, str):
        return None
    return {"type": kind, "sdp": sdp}


def _ice(description: Description) -> set[str]:
    """Return the ICE credentials of a description; an ICE restart changes them."""
    return set(_ICE.findall(description["sdp"]))

"""Known devices as a program sees them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from proxim.client.names import checked_name
from proxim.protocol.errors import BadMessage

if TYPE_CHECKING:
    from proxim.devices.record import KnownDevice

DAY = 86_400.0

FEATURES = frozenset({"nonce", "link_ttl"})
"""What a node must have for known devices."""


class Remember(Struct, frozen=True, kw_only=True):
    """The wish to remember the device of a guest.

    ``name`` is what the person at the host calls the device. The host knows it for ``days``, or
    until ``until``, in seconds of the system clock, and at most as long as the node allows (90
    days, unless the node says otherwise). With the policy ``"ask"`` the person is asked at each
    visit; with ``"auto"`` the host approves visits without a question, as the program takes them.
    """

    name: str
    days: float = 30.0
    until: float | None = None
    policy: Literal["ask", "auto"] = "ask"

    @property
    def end(self) -> float:
        """When the host forgets the device, in seconds of the system clock."""
        return time.time() + self.days * DAY if self.until is None else self.until


def check_wish(wish: Remember) -> None:
    """Raise ``BadMessage`` for a name that is not allowed, a wrong policy, or an end now."""
    checked_name(wish.name, "the device")
    if wish.policy not in ("ask", "auto"):
        raise BadMessage(f"policy must be ask or auto, not {wish.policy!r}")
    if wish.end <= time.time():
        raise BadMessage("the device would be forgotten at once: give later `days` or `until`")


class Device(Struct, frozen=True):
    """A device that the host remembers.

    ``name`` is the one that the person at the host gave. ``since``, ``end`` and ``last_seen``, the
    time of its latest visit, are in seconds of the system clock. ``policy`` is ``"ask"`` or
    ``"auto"``, as in ``Remember``. ``is_here`` says whether it visits the host now, and is online.
    """

    id: str
    name: str
    policy: Literal["ask", "auto"]
    since: float
    end: float
    last_seen: float | None = None
    is_here: bool = False


def device_of(record: KnownDevice, *, is_here: bool) -> Device:
    """Return a device as programs see it, without its secrets."""
    return Device(
        id=record.session_id,
        name=record.name,
        policy=record.policy,
        since=record.since,
        end=record.end,
        last_seen=record.last_seen,
        is_here=is_here,
    )

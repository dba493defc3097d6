"""The limits of a node for each address, each owner and each host, and for all together.

Pure counting: time comes in as an argument, and no method waits.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct

FIRST_DELAY = 0.1
LONGEST_DELAY = 25.0
"""Seconds by which the answer to a wrong guess is delayed; doubled for each, up to the longest."""

NETWORK_FACTORS = 4, 16
"""The limits of the networks around an address, as multiples of its own: /56 and /48 of IPv6."""

KEPT = 10
"""The part of a network's or the node's limit that is kept for strangers: one in so many."""

DRAWING_WINDOW = 60.0
"""Seconds in which the QR codes of an owner are counted."""

DRAWING_FACTOR = 4
"""The limit on the QR codes of an address, as a multiple of that of an owner."""

MAX_KEYS = 100_000
"""Keys that a sliding window remembers; above that it forgets the one idle for longest."""


LOOPBACK = "loopback"
"""The network of all loopback addresses."""


class Source(NamedTuple):
    """Where a client comes from, by the names under which limits count it.

    ``address`` is None if the limits per address do not apply. ``networks`` are around it.
    """

    address: str | None = None
    networks: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The address, if it counts, and the networks; narrowest first."""
        return self.networks if self.address is None else (self.address, *self.networks)


NOWHERE = Source()
"""The source of what no limit counts, such as a host in the node's own process."""


def key_of(*parts: str) -> str:
    """Return the key under which a limit counts several things together."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


class LimitSettings(Struct, frozen=True):
    """The settings of the limits by number; 0 means no limit. Times in seconds."""

    sessions_per_owner: int = 64
    """Sessions that have not ended, without those for known devices."""
    standing_per_owner: int = 64
    """Sessions for known devices (``SessionData.standing``) that have not ended."""
    sessions_per_address: int = 256
    """Sessions in memory: an ended one counts until the sweep."""
    max_sessions: int = 100_000
    """Sessions in memory: an ended one counts until the sweep."""
    prompts_per_host: int = 3
    max_prompts: int = 10_000
    denials_per_address: int = 3
    guesses_per_address: int = 10
    """For one session, or for the access token."""
    guess_window: float = 1800.0
    """How long a wrong guess or a denial counts."""
    restart_time: float = 120.0
    """From the start of the node; so long no wrong token of full length counts."""
    drawings_at_once: int = 1
    """QR codes; not 0. More than one at a time takes no less time, and slows the loop down more."""
    drawings_per_owner: int = 60
    """QR codes in a minute."""

    def for_owner(self, standing: bool) -> tuple[str, int]:
        """Return name and value of the limit on an owner's sessions, of those for known devices."""
        if standing:
            return "standing_per_owner", self.standing_per_owner
        return "sessions_per_owner", self.sessions_per_owner


class ConcurrencyLimit:
    """Counts how many of something each key has now, at most ``most``; 0 means no limit.

    ``set_elsewhere`` gives the numbers at other nodes, which count as if they were acquired here.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._held: Counter[str] = Counter()
        self._elsewhere: Mapping[str, int] = {}
        self._on_change: Callable[[str], None] | None = None

    def __len__(self) -> int:
        """Return how many keys have any, here or at other nodes."""
        return len(self._held.keys() | self._elsewhere)

    @property
    def held(self) -> Mapping[str, int]:
        """How many each key has here."""
        return self._held

    def elsewhere(self, key: str) -> int:
        """Return how many the key has at other nodes, as last heard."""
        return self._elsewhere.get(key, 0)

    def is_full(self, key: str | None) -> bool:
        """Return whether the key may have no more. The key None is never limited."""
        return key is not None and 0 < self.most <= self._held[key] + self.elsewhere(key)

    def acquire(self, key: str | None) -> None:
        """Count one more."""
        self._change(key, 1)

    def release(self, key: str | None) -> None:
        """Count one less."""
        self._change(key, -1)

    def watch(self, on_change: Callable[[str], None]) -> None:
        """Have ``on_change`` called with each key whose number here has changed."""
        self._on_change = on_change

    def set_elsewhere(self, elsewhere: Mapping[str, int]) -> None:
        """Replace the numbers at other nodes."""
        self._elsewhere = elsewhere

    def _change(self, key: str | None, more: int) -> None:
        if key is not None:
            self._held[key] += more
            if not self._held[key]:
                del self._held[key]
            if self._on_change is not None:
                self._on_change(key)


class NetworkLimit:
    """Counts how many of something the networks around each address have.

    A network may have a multiple of what one address may have (``NETWORK_FACTORS``).

    ``most`` is the limit for one address; 0 means no limit. Of each network's limit, and of that of
    the node, a part is kept for the addresses and networks inside that have nothing yet. So a
    stranger still gets in when others have taken much.
    """

    def __init__(self, most: int) -> None:
        self._limits = [most * times for times in NETWORK_FACTORS]
        self._held: Counter[str] = Counter()

    def is_full(self, source: Source) -> bool:
        """Return whether one of the networks may have no more."""
        if source.address is None:
            return False
        inside = source.address
        for most, network in zip(self._limits, source.networks, strict=False):
            if most > 0 and self._held[network] >= most - self._kept(inside, most):
                return True
            inside = network
        return False

    def room(self, source: Source, most: float) -> float:
        """Return how many all sources may have so that this one may still have one more.

        That is ``most``, or less for a source that has something already: the rest is kept for
        those that have nothing yet.
        """
        return most - self._kept(source.names[-1], most) if source.names else most

    def acquire(self, source: Source) -> None:
        """Count one more."""
        for name in source.names:
            self._held[name] += 1

    def release(self, source: Source) -> None:
        """Count one less."""
        for name in source.names:
            self._held[name] -= 1
            if not self._held[name]:
                del self._held[name]

    def _kept(self, inside: str, most: float) -> float:
        return most // KEPT if self._held[inside] and most < math.inf else 0


class SlidingWindow:
    """Counts what each key did within ``window`` seconds, at most ``most`` times.

    With ``most`` 0 it counts nothing. Moments are monotonic seconds, never less than before.
    ``set_refused`` gives the keys that the counts of all nodes together refuse.
    """

    def __init__(self, most: int, window: float) -> None:
        self.most = most
        self.window = window
        self._moments: dict[str, list[float]] = {}
        self._refused_until: Mapping[str, float] = {}
        self._on_change: Callable[[str, str | None], None] | None = None

    def __len__(self) -> int:
        """Return how many keys are remembered."""
        return len(self._moments)

    def add(self, key: str | None, now: float, address: str | None = None) -> int:
        """Count one more; return how many there were before, within the window."""
        if key is None or not self.most:
            return 0
        if self._on_change is not None:
            self._on_change(key, address)
        before = self._recent(key, now)
        # At the end: the dict is ordered by last moments, so that the oldest comes first.
        self._moments.pop(key, None)
        self._moments[key] = [*before[-self.most + 1 :], now] if self.most > 1 else [now]
        self._forget(now)
        return len(before)

    def watch(self, on_change: Callable[[str, str | None], None]) -> None:
        """Have ``on_change`` called with each key that is counted, and its address."""
        self._on_change = on_change

    def set_refused(self, refused_until: Mapping[str, float]) -> None:
        """Replace the keys that the counts of all nodes refuse, and until when they do."""
        self._refused_until = refused_until

    def retry_after(self, key: str | None, now: float) -> float:
        """Return the seconds until the key may do it again; 0 if it may now."""
        if key is None or not self.most:
            return 0.0
        recent = self._recent(key, now)
        until = recent[0] + self.window if len(recent) >= self.most else 0.0
        return max(0.0, until - now, self._refused_until.get(key, 0.0) - now)

    def _recent(self, key: str, now: float) -> list[float]:
        return [at for at in self._moments.get(key, ()) if at + self.window > now]

    def _forget(self, now: float) -> None:
        while True:
            oldest = next(iter(self._moments))
            is_past = self._moments[oldest][-1] + self.window <= now
            if not is_past and len(self._moments) <= MAX_KEYS:
                break
            del self._moments[oldest]


class NodeLimits:
    """The counters behind the limits of a node.

    ``connections``, ``sessions`` and ``access_guesses`` count by address, ``prompts`` and
    ``drawings`` by owner, ``guesses`` by address and session, ``denials`` by address and owner.
    ``address_drawings`` are the drawings of all owners at an address. ``prompt_networks`` keeps a
    part of ``max_prompts`` free for hosts from where there is no prompt yet.
    """

    def __init__(
        self, settings: LimitSettings | None = None, connections_per_address: int = 0
    ) -> None:
        self.settings = settings = settings or LimitSettings()
        self.connections = ConcurrencyLimit(connections_per_address)
        self.connection_networks = NetworkLimit(connections_per_address)
        self.sessions = ConcurrencyLimit(settings.sessions_per_address)
        self.session_networks = NetworkLimit(settings.sessions_per_address)
        self.prompts = ConcurrencyLimit(settings.prompts_per_host)
        self.prompt_networks = NetworkLimit(0)
        self.guesses = SlidingWindow(settings.guesses_per_address, settings.guess_window)
        self.access_guesses = SlidingWindow(settings.guesses_per_address, settings.guess_window)
        self.denials = SlidingWindow(settings.denials_per_address, settings.guess_window)
        most = settings.drawings_per_owner
        self.drawings = SlidingWindow(most, DRAWING_WINDOW)
        self.address_drawings = SlidingWindow(most * DRAWING_FACTOR, DRAWING_WINDOW)

    def prompt_begins(self, owner: str, source: Source) -> None:
        """Count a prompt of an owner's session, which was opened from ``source``."""
        self.prompts.acquire(owner)
        self.prompt_networks.acquire(source)

    def prompt_ends(self, owner: str, source: Source) -> None:
        """Count one prompt less."""
        self.prompts.release(owner)
        self.prompt_networks.release(source)

    def prompt_room(self, source: Source) -> float:
        """Return how many prompts there may be so that a host at ``source`` gets another one."""
        return self.prompt_networks.room(source, self.settings.max_prompts)

    def by_name(self) -> dict[str, ConcurrencyLimit | SlidingWindow]:
        """Return by their names the counters that nodes count together."""
        shared = (ConcurrencyLimit, SlidingWindow)
        counters = {name: each for name, each in vars(self).items() if isinstance(each, shared)}
        # Each node draws by itself.
        del counters["drawings"], counters["address_drawings"]
        return counters


def delay(before: int) -> float:
    """Return the delay of the answer to a wrong guess, in seconds, after so many ``before``."""
    return min(FIRST_DELAY * 2.0 ** min(before, 16), LONGEST_DELAY)

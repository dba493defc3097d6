"""How much one address, one owner, one host and all together may have of a node.

Pure counting: the moment is told, nothing is waited for, and what is past is forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from msgspec import Struct

FIRST_DELAY = 0.1
LONGEST_DELAY = 25.0
"""Seconds by which the answer to a wrong guess is late: the first, doubled for each, the most."""

REMEMBERED = 100_000
"""How many a tally remembers; past that it forgets who was quiet for longest."""


class Quotas(Struct, frozen=True):
    """Bounds by number, each with its default; 0 is none. Times in seconds."""

    sessions_per_owner: int = 64
    """Those that live."""
    sessions_per_address: int = 256
    """Those in memory: ended ones count until the sweep."""
    max_sessions: int = 100_000
    """As ``sessions_per_address``."""
    prompts_per_host: int = 3
    denials_per_address: int = 3
    guesses_per_address: int = 10
    guess_window: float = 1800.0
    """How long guesses and denials are remembered."""


class Places:
    """How many of something each has at the moment, at most ``most``; 0 is no bound.

    ``tell`` is called with each key whose number here has changed. Numbers at other nodes are
    ``heard``, and count as if they were given here.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: Counter[str] = Counter()
        self._elsewhere: Mapping[str, int] = {}
        self.tell: Callable[[str], None] | None = None

    def __len__(self) -> int:
        """How many have any, here or elsewhere."""
        return len(self._taken.keys() | self._elsewhere)

    @property
    def taken(self) -> Mapping[str, int]:
        """How many each has here, of those who have any."""
        return self._taken

    def elsewhere(self, who: str) -> int:
        """Return how many ``who`` has at other nodes, as last heard."""
        return self._elsewhere.get(who, 0)

    def is_full(self, who: str | None) -> bool:
        """Whether there is none left for ``who``; None is nobody, whom nothing is counted of."""
        return who is not None and 0 < self.most <= self._taken[who] + self.elsewhere(who)

    def take(self, who: str | None) -> None:
        """Count one more."""
        self._change(who, 1)

    def give_back(self, who: str | None) -> None:
        """Count one less."""
        self._change(who, -1)

    def heard(self, elsewhere: Mapping[str, int]) -> None:
        """Replace the numbers at other nodes."""
        self._elsewhere = elsewhere

    def _change(self, who: str | None, more: int) -> None:
        if who is not None:
            self._taken[who] += more
            if not self._taken[who]:
                del self._taken[who]
            if self.tell is not None:
                self.tell(who)


class Tally:
    """How often each has done something of late: up to ``most`` times in ``window`` seconds.

    With ``most`` 0 nothing is counted. Moments are monotonic seconds, never less than before.
    ``tell`` is called with each key of which something is counted. Keys that the counts of other
    nodes refuse are ``heard``.
    """

    def __init__(self, most: int, window: float) -> None:
        self.most = most
        self.window = window
        self._moments: dict[str, list[float]] = {}
        self._refused_until: Mapping[str, float] = {}
        self.tell: Callable[[str], None] | None = None

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._moments)

    def add(self, who: str | None, now: float) -> int:
        """Count one more. How many there were before, within the window."""
        if who is None or not self.most:
            return 0
        if self.tell is not None:
            self.tell(who)
        before = self._recent(who, now)
        # Put at the end: the order is that of the last moments, so what is past is in front.
        self._moments.pop(who, None)
        self._moments[who] = [*before[-self.most + 1 :], now] if self.most > 1 else [now]
        self._forget(now)
        return len(before)

    def heard(self, refused_until: Mapping[str, float]) -> None:
        """Replace the keys that the counts of all nodes together refuse, and until when."""
        self._refused_until = refused_until

    def wait(self, who: str | None, now: float) -> float:
        """For how many seconds ``who`` may do it no more; 0 when it may."""
        if who is None or not self.most:
            return 0.0
        recent = self._recent(who, now)
        until = recent[0] + self.window if len(recent) >= self.most else 0.0
        return max(0.0, until - now, self._refused_until.get(who, 0.0) - now)

    def _recent(self, who: str, now: float) -> list[float]:
        return [at for at in self._moments.get(who, ()) if at + self.window > now]

    def _forget(self, now: float) -> None:
        while True:
            oldest = next(iter(self._moments))
            is_past = self._moments[oldest][-1] + self.window <= now
            if not is_past and len(self._moments) <= REMEMBERED:
                break
            del self._moments[oldest]


class NodeLimits:
    """The counters behind the limits of a node, whichever of its connections they concern.

    ``prompts`` are counted by owner, all others by address.
    """

    def __init__(self, quotas: Quotas | None = None, connections_per_address: int = 0) -> None:
        self.quotas = quotas = quotas or Quotas()
        self.connections = Places(connections_per_address)
        self.sessions = Places(quotas.sessions_per_address)
        self.prompts = Places(quotas.prompts_per_host)
        self.guesses = Tally(quotas.guesses_per_address, quotas.guess_window)
        self.denials = Tally(quotas.denials_per_address, quotas.guess_window)

    def by_name(self) -> dict[str, Places | Tally]:
        """Return all counters by their names, for nodes that count together."""
        return {name: each for name, each in vars(self).items() if name != "quotas"}


def delay(before: int) -> float:
    """How late the answer to a wrong guess is, in seconds, after so many ``before``."""
    return min(FIRST_DELAY * 2.0 ** min(before, 16), LONGEST_DELAY)

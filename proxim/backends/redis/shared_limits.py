"""Limits that all nodes of a cluster count together, by owner and by address.

The counts of this node go to Redis with the next flush. The keys that have reached a limit come
back with each heartbeat. So no request waits for Redis to be counted. A key is a hash.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from proxim import clock
from proxim.actors.limits import MAX_KEYS, ConcurrencyLimit, SlidingWindow
from proxim.backends.redis.records import Count, Counts, Limit, LimitedKey

COUNTS_AT_ONCE = 1000
"""Counts in one flush at most."""

EVENTS_BOUND = 10_000
"""Keys whose events may wait to be counted; events of further keys count at this node alone."""

EVENTS_PER_ADDRESS = 64
"""Events of one limit that an address may have counted for all nodes in a window.

Further events of the address count at this node alone. They are of different keys, such as session
ids that the client made up, and each key would take memory in Redis.
"""

Shared = Mapping[str, SlidingWindow | ConcurrencyLimit]
"""The limits by the names that all nodes use for them."""


class SharedLimits:
    """Counts for this node what all nodes limit together. ``wake`` asks for a flush."""

    def __init__(self, shared: Shared, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._limits: dict[str, Limit] = {}
        self._changed: dict[tuple[str, str], int] = {}
        self._packed: Counts | None = None
        self._number = 0
        self._shares: Counter[tuple[str, str]] = Counter()
        self._shares_until = 0.0
        self._shared = {name: each for name, each in shared.items() if each.most > 0}
        for name, each in self._shared.items():
            if isinstance(each, SlidingWindow):
                self._limits[name] = Limit(name, each.most, each.window)
                each.watch(partial(self._note_event, name))
            else:
                self._limits[name] = Limit(name, each.most)
                each.watch(partial(self._note_change, name))
        self.count_all()

    @property
    def limits(self) -> Sequence[Limit]:
        """The limits, for the heartbeat."""
        return list(self._limits.values())

    # -- what this node counts ---------------------------------------------------------------

    @property
    def has_changed(self) -> bool:
        """Whether there are counts that Redis does not have yet."""
        return bool(self._changed or self._packed)

    def count_all(self) -> None:
        """Count all again that this node holds: Redis knows nothing of it under this node id."""
        self._packed = None
        for name, each in self._shared.items():
            if isinstance(each, ConcurrencyLimit):
                self._changed |= {(name, key): 0 for key in each.held}

    def pack(self) -> Counts | None:
        """Return the counts to flush, the same again until ``mark_sent``.

        A flush may be tried twice; Redis applies each number once.
        """
        if self._packed is None and self._changed:
            self._number += 1
            keys = list(self._changed)[:COUNTS_AT_ONCE]
            self._packed = Counts(self._number, [self._count(*each) for each in keys])
        return self._packed

    def mark_sent(self) -> None:
        """Forget the counts that were packed: Redis has them."""
        self._packed = None

    def _count(self, name: str, key: str) -> Count:
        events, each = self._changed.pop((name, key)), self._shared[name]
        number = each.held.get(key, 0) if isinstance(each, ConcurrencyLimit) else events
        return Count(self._limits[name], key, number)

    def _note_change(self, name: str, key: str) -> None:
        # No wake: connections come and go faster than Redis has to know of it.
        self._changed[name, key] = 0

    def _note_event(self, name: str, key: str, address: str | None) -> None:
        if address is not None and not self._has_share(name, address):
            return
        if (name, key) in self._changed or len(self._changed) < EVENTS_BOUND:
            self._changed[name, key] = self._changed.get((name, key), 0) + 1
            self._wake()

    def _has_share(self, name: str, address: str) -> bool:
        """Count an event of an address; return whether it counts for all nodes."""
        now, shares = clock.now(), self._shares
        if now >= self._shares_until:
            shares.clear()
            self._shares_until = now + self._limits[name].window
        if (name, address) not in shares and len(shares) >= MAX_KEYS:
            return False
        shares[name, address] += 1
        return shares[name, address] <= EVENTS_PER_ADDRESS

    # -- what all nodes have counted ---------------------------------------------------------

    def apply(self, refused: Sequence[LimitedKey]) -> None:
        """Refuse the keys that have reached a limit, and no others."""
        now = clock.now()
        elsewhere: dict[str, dict[str, int]] = defaultdict(dict)
        until: dict[str, dict[str, float]] = defaultdict(dict)
        for name, key, value in refused:
            if value > 0:
                elsewhere[name][key] = int(value)
                until[name][key] = now + value
        for name, each in self._shared.items():
            if isinstance(each, ConcurrencyLimit):
                each.set_elsewhere(elsewhere[name])
            else:
                each.set_refused(until[name])

    def forget(self) -> None:
        """Count alone, since the lease is lost. ``count_all`` follows when there is another."""
        self.apply(())
        self._changed = {each: events for each, events in self._changed.items() if events}

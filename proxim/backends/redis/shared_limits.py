"""The counts: what nodes count together, so that limits by owner and by address hold for all.

Of a tally each count is told to the other nodes as it happens. Of places each node tells how many
it has given to whom: everything to a node that it meets, and then what has changed. What a node
has told is forgotten with it. Nobody is called by an address or a uuid here, only by its hash.

Nothing waits in here: it is all a matter of what is put into the mail, and what is found there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import Protocol

from proxim.actors.limits import ConcurrencyLimit, SlidingWindow
from proxim.backends.redis.rpc import Counted, Parcel, Standing

TOLD_AT_ONCE = 1000
"""How many are named in one parcel at most."""

Shared = Mapping[str, SlidingWindow | ConcurrencyLimit]
"""What is counted together, by the name under which the nodes speak of it."""


class Mail(Protocol):
    """What carries parcels to other nodes."""

    def send(self, node: str, parcel: Parcel) -> None:
        """Send a parcel, soon and in order."""

    def is_full(self, node: str) -> bool:
        """Whether too much waits for a node."""
        ...


class Counts:
    """One node's part in it. ``others`` are the nodes that it has met."""

    def __init__(self, mail: Mail) -> None:
        self.others: set[str] = set()
        self._mail = mail
        self._tallies: dict[str, SlidingWindow] = {}
        self._places: dict[str, ConcurrencyLimit] = {}
        self._changed: dict[str, set[str]] = {}
        self._heard: dict[tuple[str, str], dict[str, int]] = {}

    def share(self, shared: Shared) -> None:
        """Count this together with the others from now on."""
        for name, each in shared.items():
            if isinstance(each, SlidingWindow):
                self._tallies[name] = each
                each.tell = partial(self._tell_count, name)
            else:
                self._places[name] = each
                each.tell = partial(self._note_change, name)

    # -- who there is ------------------------------------------------------------------------

    def meet(self, node: str) -> None:
        """Begin with a node, or begin anew: it is told everything, and tells everything."""
        self._forget(node)
        self.others.add(node)
        for name, places in self._places.items():
            for number, counts in enumerate(_parts(places.held.items())):
                self._mail.send(node, Standing(name, counts, anew=number == 0))

    def meet_all(self, living: set[str]) -> None:
        """Meet those who live and were not met before."""
        for node in living - self.others:
            self.meet(node)

    def forget(self, node: str) -> None:
        """That node lives no more, and has nothing of what it has told of."""
        self.others.discard(node)
        self._forget(node)

    def forget_all(self) -> None:
        """Count alone, until somebody is met."""
        for node in {node for node, _ in self._heard} | self.others:
            self.forget(node)
        for changed in self._changed.values():
            changed.clear()

    def part(self) -> None:
        """Tell the others that this node has nothing any more, and tell them nothing else."""
        for node in self.others:
            for name in self._places:
                self._mail.send(node, Standing(name, {}, anew=True))
        self.others.clear()

    # -- what is told ------------------------------------------------------------------------

    @property
    def has_changed(self) -> bool:
        """Whether the others have yet to be told something."""
        return any(self._changed.values())

    def tell(self) -> None:
        """Put into the mail what has changed since the last time."""
        for name, changed in self._changed.items():
            if not changed:
                continue
            taken = self._places[name].held
            for counts in _parts((who, taken.get(who, 0)) for who in changed):
                for node in self.others:
                    self._mail.send(node, Standing(name, counts))
            changed.clear()

    def _note_change(self, name: str, who: str) -> None:
        # Told in batches: connections come and go faster than anybody has to know of it.
        if self.others:
            self._changed.setdefault(name, set()).add(who)

    def _tell_count(self, name: str, who: str) -> None:
        for node in self.others:
            if not self._mail.is_full(node):
                self._mail.send(node, Counted(name, who))

    # -- what is heard -----------------------------------------------------------------------

    def arrived(self, sender: str, parcel: Counted | Standing, now: float) -> None:
        """Count what another node has told, at ``now`` on Trio's clock."""
        if sender not in self.others:
            # It has found this node before it was found.
            self.meet(sender)
        if isinstance(parcel, Standing):
            self._hear(sender, parcel)
        elif parcel.tally in self._tallies:
            self._tallies[parcel.tally].heard(parcel.who, now)

    def _hear(self, sender: str, parcel: Standing) -> None:
        places = self._places.get(parcel.places)
        if places is None:
            return
        heard = self._heard.setdefault((sender, parcel.places), {})
        counts = dict.fromkeys(heard, 0) | parcel.counts if parcel.anew else parcel.counts
        for who, count in counts.items():
            places.heard(who, count - heard.pop(who, 0))
            if count:
                heard[who] = count

    def _forget(self, node: str) -> None:
        for name in self._places:
            self._hear(node, Standing(name, {}, anew=True))
            del self._heard[node, name]


def _parts(counts: Iterable[tuple[str, int]]) -> Iterator[dict[str, int]]:
    """The counts in parcels' sizes, and one that is empty where there are none."""
    rest = iter(counts)
    yield dict(islice(rest, TOLD_AT_ONCE))
    while part := dict(islice(rest, TOLD_AT_ONCE)):
        yield part

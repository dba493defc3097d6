"""What nodes tell each other of what they count, without a node or a hub."""

import pytest

from proxim.actors.limits import ConcurrencyLimit, SlidingWindow
from proxim.backends.redis import shared_limits as counts_module
from proxim.backends.redis.shared_limits import Counts

ADA, BOB = "ada", "bob"


class Net:
    """Nodes by name, and the mail between them."""

    def __init__(self, *names, most=3):
        self.waiting = []
        self.sent = 0
        self.full = set()
        self.nodes = {name: NetNode(self, name, most) for name in names}
        for name, node in self.nodes.items():
            node.counts.meet_all(set(names) - {name})
        self.deliver()

    def deliver(self):
        while self.waiting:
            waiting, self.waiting = self.waiting, []
            for sender, receiver, parcel in waiting:
                if receiver in self.nodes:
                    self.nodes[receiver].counts.arrived(sender, parcel, now=0.0)

    def tell(self):
        for node in self.nodes.values():
            node.counts.tell()
        self.deliver()


class NetNode:
    def __init__(self, net, name, most):
        self.net, self.name = net, name
        self.places, self.tally = ConcurrencyLimit(most), SlidingWindow(most, 60.0)
        self.counts = Counts(self)
        self.counts.share({"places": self.places, "tally": self.tally})

    def send(self, node, parcel):
        self.net.sent += 1
        self.net.waiting.append((self.name, node, parcel))

    def is_full(self, node):
        return node in self.net.full


@pytest.fixture
def net():
    return Net("a", "b", "c")


def full(net, who=ADA):
    return [node.places.is_full(who) for node in net.nodes.values()]


def test_places_given_anywhere_are_given_everywhere_once_it_is_told(net):
    net.nodes["a"].places.acquire(ADA)
    net.nodes["b"].places.acquire(ADA)
    net.nodes["c"].places.acquire(ADA)
    assert full(net) == [False] * 3
    net.tell()
    assert full(net) == [True] * 3
    assert full(net, BOB) == [False] * 3
    net.nodes["b"].places.release(ADA)
    net.tell()
    assert full(net) == [False] * 3


def test_what_comes_and_goes_between_two_tellings_is_one_line(net):
    before = net.sent
    for _ in range(100):
        net.nodes["a"].places.acquire(ADA)
        net.nodes["a"].places.release(ADA)
    assert net.nodes["a"].counts.has_changed
    net.tell()
    assert net.sent == before + 2, "one to each of the others"
    assert not net.nodes["a"].counts.has_changed
    net.tell()
    assert net.sent == before + 2


def test_what_is_told_twice_counts_once(net):
    net.nodes["a"].places.acquire(ADA)
    net.nodes["a"].counts.tell()
    net.waiting *= 2
    net.deliver()
    assert net.nodes["b"].places.elsewhere(ADA) == 1


def test_a_tally_is_told_as_it_counts(net):
    for name in ("a", "b", "c"):
        net.nodes[name].tally.add(ADA, 0.0)
    net.deliver()
    assert [node.tally.retry_after(ADA, 1.0) for node in net.nodes.values()] == [59.0] * 3


def test_who_is_gone_has_nothing_any_more(net):
    for _ in range(3):
        net.nodes["a"].places.acquire(ADA)
    net.tell()
    net.nodes["b"].counts.forget("a")
    assert full(net) == [True, False, True]
    assert net.nodes["b"].counts.others == {"c"}


def test_who_leaves_says_that_it_has_nothing(net):
    for _ in range(3):
        net.nodes["a"].places.acquire(ADA)
    net.tell()
    net.nodes["a"].counts.part()
    net.deliver()
    assert full(net) == [True, False, False]
    net.nodes["a"].places.acquire(BOB)
    net.nodes["a"].tally.add(BOB, 0.0)
    before = net.sent
    net.tell()
    assert net.sent == before


def test_a_newcomer_is_told_everything_by_all_whom_it_greets():
    net = Net("a", "b")
    net.nodes["a"].places.acquire(ADA)
    net.nodes["b"].places.acquire(ADA)
    net.tell()
    newcomer = net.nodes["c"] = NetNode(net, "c", 3)
    newcomer.places.acquire(ADA)
    newcomer.counts.meet_all({"a", "b"})
    net.deliver()
    assert full(net) == [True] * 3
    assert net.nodes["a"].counts.others == {"b", "c"}


def test_who_is_met_anew_replaces_what_it_told_before(net):
    node = net.nodes["a"].places
    node.acquire(ADA)
    net.tell()
    # What it tells next is lost on the way.
    node.release(ADA)
    node.acquire(BOB)
    net.nodes["a"].counts.tell()
    net.waiting.clear()
    net.nodes["a"].counts.meet("b")
    net.deliver()
    assert net.nodes["b"].places.elsewhere(ADA) == 0
    assert net.nodes["b"].places.elsewhere(BOB) == 1


def test_who_counts_alone_forgets_the_others_and_keeps_its_own(net):
    for name in ("a", "b", "c"):
        net.nodes[name].places.acquire(ADA)
    net.tell()
    alone = net.nodes["a"]
    alone.counts.forget_all()
    assert full(net) == [False, True, True]
    assert alone.places.held == {ADA: 1}
    alone.places.acquire(BOB)
    assert not alone.counts.has_changed, "what nobody is to hear is not kept"
    alone.counts.meet_all({"b", "c"})
    net.nodes["b"].counts.meet("a")
    net.nodes["c"].counts.meet("a")
    net.deliver()
    assert full(net) == [True] * 3
    assert net.nodes["b"].places.elsewhere(BOB) == 1


def test_everything_goes_in_parts(monkeypatch):
    monkeypatch.setattr(counts_module, "TOLD_AT_ONCE", 2)
    net = Net("a", "b")
    for number in range(5):
        net.nodes["a"].places.acquire(f"{number}")
    net.nodes["a"].counts.meet("b")
    assert [len(parcel.counts) for _, _, parcel in net.waiting] == [2, 2, 1]
    assert [parcel.anew for _, _, parcel in net.waiting] == [True, False, False]
    net.deliver()
    assert all(net.nodes["b"].places.elsewhere(f"{number}") == 1 for number in range(5))


def test_a_tally_is_not_told_where_too_much_waits(net):
    net.full = {"b"}
    net.nodes["a"].tally.add(ADA, 0.0)
    assert [receiver for _, receiver, _ in net.waiting] == ["c"]


def test_what_a_node_does_not_count_is_let_pass(net):
    other = net.nodes["a"]
    other.counts.share({"more places": ConcurrencyLimit(1), "more windows": SlidingWindow(1, 1.0)})
    other.counts.meet("b")
    other.counts._tallies["more windows"].add(ADA, 0.0)
    net.deliver()
    assert len(net.nodes["b"].places) == len(net.nodes["b"].tally) == 0

"""The host's record of a known device, and its verdicts (sealing: Known devices)."""

import itertools

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from msgspec import structs

from proxim.devices.record import (
    KEYS_KEPT,
    KnownDevice,
    Standing,
    Tickets,
    Verdict,
    approve,
    judge,
    use,
)
from proxim.sealing.device import Visitor

KEY, OTHER_KEY = b"d" * 32, b"e" * 32
FIRST = bytes(16)
END = 1000.0


def known(**changed):
    standing = Standing(b"n" * 32, b"s" * 32, b"p" * 32)
    device = KnownDevice("s" * 22, "My phone", KEY, "ask", 0.0, END, standing, Tickets(FIRST))
    return structs.replace(device, **changed)


def counting():
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


def verdict(device, ticket, guest_key=b"k" * 32, *, key=KEY, now=1.0):
    return judge(device, Visitor(key, ticket), guest_key, now).verdict


@pytest.mark.parametrize("policy", ["ask", "auto"])
def test_current_ticket_is_good(policy):
    assert verdict(known(policy=policy), FIRST) == policy


def test_same_key_of_a_request_is_a_replay_and_changes_nothing():
    device = judge(known(), Visitor(KEY, FIRST), b"k" * 32, 1).device
    assert judge(device, Visitor(KEY, FIRST), b"k" * 32, 1) == (Verdict.REPLAY, device)


def test_replay_of_an_old_ticket_does_not_revoke():
    device = judge(known(), Visitor(KEY, FIRST), b"k" * 32, 1).device
    device = use(approved := approve(device, FIRST, 1, counting()), approved.tickets.current)
    assert verdict(device, FIRST) is Verdict.REPLAY
    assert verdict(device, FIRST, b"another key") is Verdict.COPIED


def test_last_keys_are_kept():
    device = known()
    keys = [bytes([number]) * 32 for number in range(KEYS_KEPT + 1)]
    for key in keys:
        device = judge(device, Visitor(KEY, FIRST), key, 1).device
    assert device.seen == tuple(keys[1:])


@pytest.mark.parametrize("visitor", [None, Visitor(OTHER_KEY, FIRST), Visitor(OTHER_KEY, None)])
def test_another_device_is_declined_and_revokes_nothing(visitor):
    device = known()
    assert judge(device, visitor, b"k" * 32, 1) == (Verdict.STRANGER, device)


@pytest.mark.parametrize("ticket", [None, b"x" * 16])
def test_device_with_another_ticket_is_a_copy(ticket):
    assert verdict(known(), ticket) is Verdict.COPIED


def test_visit_after_the_end_is_declined():
    assert verdict(known(policy="auto"), FIRST, now=END - 1) is Verdict.AUTO
    assert verdict(known(policy="auto"), FIRST, now=END) is Verdict.OVER


def test_lost_answer_is_sent_again_with_the_same_ticket():
    draw = counting()
    once = approve(known(), FIRST, 5, draw)
    assert (once.tickets.previous, once.tickets.is_used, once.last_seen) == (FIRST, False, 5)
    assert verdict(once, FIRST) is Verdict.ASK
    assert approve(once, FIRST, 6, draw) == structs.replace(once, last_seen=6)


def test_ticket_before_is_worthless_once_the_new_one_is_used():
    device = approve(known(), FIRST, 1, counting())
    assert use(device, FIRST) == device
    device = use(device, device.tickets.current)
    assert verdict(device, FIRST) is Verdict.COPIED
    with pytest.raises(ValueError, match="replaced"):
        approve(device, FIRST, 1, counting())


class Devices(RuleBasedStateMachine):
    """A device with two tabs, a copy of its storage, and a network that loses answers.

    A tab reads the ticket from the storage when it asks. While a visit lasts, or a prompt is up,
    the node refuses the request of the other tab.
    """

    def __init__(self):
        super().__init__()
        self.host = known()
        self.draw = counting()
        self.keys = (number.to_bytes(32, "big") for number in itertools.count())
        self.tickets = [FIRST]
        self.storage = FIRST
        self.copy = None
        self.is_copy_used = False
        self.newest_used = 0
        self.requests = []

    def visit(self, ticket, outcome):
        """Ask with ``ticket``; return the verdict, and the ticket that the device stores."""
        key = next(self.keys)
        seen, self.host = judge(self.host, Visitor(KEY, ticket), key, 1)
        self.requests.append((ticket, key))
        if seen is Verdict.COPIED or outcome == "no decision":
            return seen, ticket
        self.host = approve(self.host, ticket, 1, self.draw)
        if outcome == "lost answer":
            return seen, ticket
        new = self.host.tickets.current
        if new not in self.tickets:
            self.tickets.append(new)
        if outcome == "used":
            self.host = use(self.host, new)
            self.newest_used = self.tickets.index(new)
        return seen, new

    outcomes = st.sampled_from(["no decision", "lost answer", "stored", "used"])

    @rule(outcome=outcomes)
    @precondition(lambda self: not self.is_copy_used)
    def either_tab_asks(self, outcome):
        seen, self.storage = self.visit(self.storage, outcome)
        assert seen is Verdict.ASK, "a device whose copy was never used was revoked"

    @rule()
    def storage_is_copied(self):
        if self.copy is None:
            self.copy = self.storage

    @rule(outcome=outcomes)
    @precondition(lambda self: self.copy is not None)
    def copy_asks(self, outcome):
        before = self.host
        is_older = self.tickets.index(self.copy) < self.newest_used
        seen, self.copy = self.visit(self.copy, outcome)
        if is_older:
            assert seen is Verdict.COPIED
        if seen is Verdict.COPIED:
            # The host would forget the device here. Go on, to find the next mistake.
            self.host = structs.replace(before, seen=self.host.seen)
        else:
            self.is_copy_used = True

    @rule(outcome=outcomes)
    @precondition(lambda self: self.is_copy_used)
    def original_asks_after_its_copy(self, outcome):
        before = self.host
        is_older = self.tickets.index(self.storage) < self.newest_used
        seen, self.storage = self.visit(self.storage, outcome)
        if is_older:
            assert seen is Verdict.COPIED
        if seen is Verdict.COPIED:
            self.host = structs.replace(before, seen=self.host.seen)

    @rule(data=st.data())
    @precondition(lambda self: self.requests)
    def node_sends_a_request_again(self, data):
        ticket, key = data.draw(st.sampled_from(self.requests[-KEYS_KEPT:]))
        seen, self.host = judge(self.host, Visitor(KEY, ticket), key, 1)
        assert seen is Verdict.REPLAY


TestDevices = Devices.TestCase

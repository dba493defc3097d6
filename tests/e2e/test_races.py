"""Whatever races, both sides see the same one outcome."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from .client import PATIENCE, Node, Peer

WINDOW, LANES = 0.2, 16
TTL = 1.0
"""Seconds that a session lives where its end is raced: a busy machine has to pair within them."""


def _node(**settings: float) -> Iterator[Node]:
    node = Node(**settings)
    yield node
    node.close_peers()
    assert node.stop() == 0


@pytest.fixture(scope="module")
def racing() -> Iterator[Node]:
    yield from _node(approval=WINDOW)


@pytest.fixture(scope="module")
def patient() -> Iterator[Node]:
    yield from _node()


def drain(peer: Peer) -> list[dict]:
    """All that has come, up to the answer to a ping."""
    peer.ask("pong", "ping")
    messages = list(peer.inbox)
    peer.inbox.clear()
    return messages


class Lane(threading.Thread):
    """Race after race on two connections, each decision nearer to the deadline."""

    def __init__(self, node: Node, rounds: int, approve: bool, ttl: float | None):
        super().__init__(daemon=True)
        self.host, self.guest = node.host(), node.peer()
        self.rounds, self.approve, self.ttl = rounds, approve, ttl
        self.outcomes: Counter[str] = Counter()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            self.race()
        except BaseException as failure:
            self.failure = failure

    def race(self) -> None:
        ahead = step = 0.01  # how long before the deadline the decision is sent
        was_late = False
        replies: dict[str, str] = {}
        for _ in range(self.rounds):
            kind = {"session_type": "temporary", "ttl": self.ttl} if self.ttl else {}
            made = time.monotonic()
            created = self.host.create(**kind)
            session_id = created["session"]["session_id"]
            asked = time.monotonic()
            self.guest.pair(created)
            deadline = made + self.ttl if self.ttl else asked + WINDOW
            time.sleep(max(0, deadline - ahead - time.monotonic()))
            self.host.refs += 1
            ref = f"r{self.host.refs}"
            fields = {"session_id": session_id, "approve": self.approve, "ref": ref}
            self.host.send("pair_decision", **fields)
            while session_id not in replies:
                message = self.host._receive(PATIENCE)
                self.host.inbox.append(message)
                if message.get("ref") == ref:
                    replies[session_id] = message.get("code") or message["status"]
            # Ever further, so that a few rounds find how long a busy machine takes; then nearer.
            is_late = replies[session_id] == "already_decided"
            step *= 2 if is_late is was_late else 0.25
            ahead += step if is_late else -step
            was_late = is_late
        if self.ttl:
            for side in (self.host, self.guest):
                for session_id in replies:
                    side.wait_for("session_ended", session_id=session_id)
        self.compare(replies)

    def compare(self, replies: dict[str, str]) -> None:
        heard = [drain(side) for side in (self.host, self.guest)]
        for session_id, reply in replies.items():
            results = [
                [m["status"] for m in side if m["type"] == "pair_result" and of(m, session_id)]
                for side in heard
            ]
            status = "expired" if reply == "already_decided" else reply
            assert results == [[status], [status]], (session_id, reply, results)
            endings = [
                [m["reason"] for m in side if m["type"] == "session_ended" and of(m, session_id)]
                for side in heard
            ]
            assert endings[0] == endings[1]
            assert len(endings[0]) == (1 if self.ttl or status != "approved" else 0)
            self.outcomes[status] += 1


def of(message: dict, session_id: str) -> bool:
    return message["session_id"] == session_id


def heard_until_answered(peer: Peer) -> list[dict]:
    """All that has come, up to the answer to the request with the `ref` "mine"."""
    messages = [peer._receive(PATIENCE)]
    while messages[-1].get("ref") != "mine":
        messages.append(peer._receive(PATIENCE))
    return messages


@pytest.mark.real_time
@pytest.mark.parametrize(("rounds", "approve"), [(12, True), (5, False)], ids=["approve", "reject"])
def test_decision_racing_the_approval_window_gives_both_sides_one_outcome(
    racing: Node, rounds: int, approve: bool
) -> None:
    _race(racing, rounds, approve, None)


@pytest.mark.real_time
def test_decision_racing_expires_at_gives_both_sides_one_outcome(patient: Node) -> None:
    _race(patient, 5, True, TTL)


def _race(node: Node, rounds: int, approve: bool, ttl: float | None) -> None:
    lanes = [Lane(node, rounds, approve, ttl) for _ in range(LANES)]
    for lane in lanes:
        lane.start()
    outcomes: Counter[str] = Counter()
    for lane in lanes:
        lane.join(PATIENCE)
        assert not lane.is_alive()
        if lane.failure is not None:
            raise lane.failure
        outcomes += lane.outcomes
    assert outcomes.total() == LANES * rounds
    assert set(outcomes) == {"approved" if approve else "rejected", "expired"}, outcomes


def test_of_two_decisions_at_once_one_counts(patient: Node) -> None:
    for _ in range(20):
        host, guest = patient.host(), patient.peer()
        created = host.create()
        guest.pair(created)
        host.expect("pair_prompt")
        session_id = created["session"]["session_id"]
        for approve in (True, False):
            host.send("pair_decision", session_id=session_id, approve=approve)
        host.expect("pair_result", status="approved")
        host.expect("error", code="already_decided")
        guest.expect("pair_result", status="approved")
        guest.quiet()


def test_decision_racing_a_cancel_gives_both_sides_one_outcome(patient: Node) -> None:
    for _ in range(20):
        host, guest = patient.host(), patient.peer()
        created = host.create()
        guest.pair(created)
        host.expect("pair_prompt")
        session_id = created["session"]["session_id"]
        host.send("pair_decision", session_id=session_id, approve=True, ref="mine")
        guest.send("pair_cancel", session_id=session_id, ref="mine")
        heard = [heard_until_answered(host), heard_until_answered(guest)]
        outcomes = [
            [each["status"] for each in side if each["type"] == "pair_result"] for side in heard
        ]
        assert outcomes[0] == outcomes[1]
        assert outcomes[0] in (["approved"], ["expired"])
        refused = [side[-1].get("code") for side in heard]
        is_approved = outcomes[0] == ["approved"]
        assert refused == ([None, "already_decided"] if is_approved else ["already_decided", None])


def test_of_two_guests_at_once_one_gets_the_link(patient: Node) -> None:
    for _ in range(10):
        host, guests = patient.host(), [patient.peer(), patient.peer()]
        created = host.create()
        fields = {"session_id": created["session"]["session_id"], "token": created["token"]}
        for guest in guests:
            guest.send("pair_request", device_info={"name": "n", "id": "i"}, **fields)
        answers = sorted(guest._receive(PATIENCE).get("code", "taken") for guest in guests)
        assert answers == ["taken", "token_used"]
        host.expect("pair_prompt")

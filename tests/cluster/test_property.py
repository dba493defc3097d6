"""Three nodes, and whatever may happen to them; judged by what the clients have seen alone."""

import random
import time

import pytest
from websockets.exceptions import ConnectionClosed

from tests.cluster.nodes import LEASE, Couple

SEEDS = [
    pytest.param(4, 7),
    *(pytest.param(seed, 20, marks=pytest.mark.slow) for seed in range(5, 13)),
]


class Watched(Couple):
    """A couple that keeps what it has sent and seen, and comes back whenever it is sent away."""

    def __init__(self, cluster, dice):
        self.cluster, self.dice = cluster, dice
        self.living = set(range(len(cluster.nodes)))
        super().__init__(cluster[0], cluster[1])
        self.approve()
        self.sent = {"host": 0, "guest": 0}
        self.seen = {"host": [], "guest": []}
        self.over = {"host": False, "guest": False}
        self.outcomes = []

    def side(self, role):
        return self.host if role == "host" else self.guest

    def signal(self, role, count):
        for _ in range(count):
            self.sent[role] += 1
            try:
                self.side(role).send("signal", session_id=self.id, data=[role, self.sent[role]])
            except ConnectionClosed:
                return

    def listen(self, role, seconds):
        """Take what comes; false when the connection is gone."""
        until = time.monotonic() + seconds
        side = self.side(role)
        while True:
            try:
                left = max(until - time.monotonic(), 0.01)
                message = side.inbox.popleft() if side.inbox else side._receive(left)
            except TimeoutError:
                return True
            except ConnectionClosed:
                return False
            self.note(role, message)

    def note(self, role, message):
        assert not self.over[role], (role, "after the end", message)
        match message["type"]:
            case "signal":
                assert message["session_id"] == self.id
                sender, number = message["data"]
                assert sender != role, "an echo"
                seen = self.seen[role]
                assert not seen or number > seen[-1], (role, seen[-5:], number)
                seen.append(number)
            case "pair_result":
                self.outcomes.append(message["status"])
            case "error":
                print(role, message)
            case "session_ended":
                self.over[role] = True

    def comes_back(self, role, patience):
        """On any node that lives. None of them may say that the session is over."""
        until = time.monotonic() + patience
        while time.monotonic() < until:
            node = self.cluster[self.dice.choice(sorted(self.living))]
            try:
                if role == "guest":
                    self.resume(node)
                else:
                    self.register(node)
                return
            except AssertionError as refusal:
                if "unavailable" not in str(refusal):
                    raise
            except (ConnectionClosed, OSError, EOFError, TimeoutError):
                pass
            time.sleep(0.2)
        raise AssertionError(f"the {role} did not come back")


@pytest.mark.parametrize(("seed", "steps"), SEEDS)
def test_whatever_happens_there_is_one_order_and_nothing_twice(brittle, seed, steps):
    dice = random.Random(seed)
    cluster = brittle(3)
    couple = Watched(cluster, dice)
    killed, ailing = 0, 0.0
    for _ in range(steps):
        action = dice.choice(
            ["talk", "talk", "talk", "drop", "drop", "kill", "freeze", "redis", "restart"]
        )
        for role in ("host", "guest"):
            couple.signal(role, dice.randrange(15))
        match action:
            case "drop":
                couple.side(dice.choice(["host", "guest"])).leave()
            case "kill" if killed < 1:
                killed += 1
                victim = dice.choice(sorted(couple.living))
                couple.living.discard(victim)
                cluster.kill(victim)
            case "freeze":
                victim = dice.choice(sorted(couple.living))
                cluster.freeze(victim)
                time.sleep(dice.choice([0.5, LEASE + 1.5]))
                cluster.thaw(victim)
            case "redis":
                cluster.redis.freeze()
                time.sleep(dice.choice([0.5, LEASE + 1.5]))
                cluster.redis.thaw()
            case "restart" if time.monotonic() > ailing:
                cluster.redis.restart()
        if action in ("kill", "freeze"):
            # What neither a node nor Redis remembers is gone: one misfortune at a time.
            ailing = time.monotonic() + 2 * LEASE + 3
        print(action, couple.sent, {role: seen[-1:] for role, seen in couple.seen.items()})
        for role in ("host", "guest"):
            if not couple.listen(role, 0.3):
                couple.comes_back(role, 4 * LEASE + 20)
    # In peace again, everything that is said arrives.
    deadline = time.monotonic() + 4 * LEASE + 20
    while True:
        for role in ("host", "guest"):
            if not couple.listen(role, 1.5):
                couple.comes_back(role, 4 * LEASE + 20)
        before = dict(couple.sent)
        for role in ("host", "guest"):
            couple.signal(role, 10)
        alive = [couple.listen(role, 1.5) for role in ("host", "guest")]
        if all(alive) and all(
            couple.seen[receiver][-10:] == list(range(before[sender] + 1, before[sender] + 11))
            for sender, receiver in (("host", "guest"), ("guest", "host"))
        ):
            break
        assert time.monotonic() < deadline, "no peace"
    assert set(couple.outcomes) <= {"approved"}
    assert couple.over == {"host": False, "guest": False}

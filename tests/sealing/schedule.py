"""Two peers and a node that loses, repeats and reorders what they say, by a random schedule."""

import dataclasses

from hypothesis import strategies as st

SIDES = ("g", "h")
ACTIONS = {
    # What an honest node and its clients do, more often than not.
    "deliver": 8,
    "say": 4,
    "reload": 1,
    "reconnect": 1,
    # What a lying node does, besides.
    "drop": 1,
    "reorder": 1,
    "replay": 2,
    "wait": 1,
}
schedules = st.lists(
    st.tuples(
        st.sampled_from([name for name, weight in ACTIONS.items() for _ in range(weight)]),
        st.sampled_from(SIDES),
        st.integers(0, 2**16),
    ),
    max_size=60,
)
RETRY = 10
"""Seconds that a side waits for an echo before it starts again."""


@dataclasses.dataclass
class Side:
    peer: object
    waiting: list = dataclasses.field(default_factory=list)
    """What is on its way to this side."""
    seen: list = dataclasses.field(default_factory=list)
    """What was ever on its way to this side."""
    said: list = dataclasses.field(default_factory=list)
    heard: list = dataclasses.field(default_factory=list)
    used: set = dataclasses.field(default_factory=set)
    """The epochs and numbers under which this side has sealed."""


class World:
    """Both sides, the node between them, and the time."""

    def __init__(self, guest, host):
        self.sides = {"g": Side(guest), "h": Side(host)}
        self.now = 0.0
        self.count = 0

    def run(self, schedule):
        for action, side, number in schedule:
            getattr(self, action)(side, number)

    def send(self, sender, data):
        side = self.sides["h" if sender == "g" else "g"]
        side.waiting.append(data)
        side.seen.append(data)

    def take(self, receiver, data):
        side = self.sides[receiver]
        opened, notice, reply = side.peer.receive(data, self.now)
        assert notice != "tampered", "everything was sealed by the peer"
        if opened is not None:
            side.heard.append(opened[0])
        if reply is not None:
            self.send(receiver, reply)

    # -- actions ---------------------------------------------------------------------------

    def say(self, name, _):
        side = self.sides[name]
        if not side.peer.is_ready():
            return
        self.count += 1
        data = side.peer.seal(self.count)
        slot = (data["e"], data["n"])
        assert slot not in side.used, "a key was used with the same number twice"
        side.used.add(slot)
        side.said.append(self.count)
        self.send(name, data)

    def deliver(self, name, _):
        if self.sides[name].waiting:
            self.take(name, self.sides[name].waiting.pop(0))

    def drop(self, name, _):
        del self.sides[name].waiting[:1]

    def reorder(self, name, number):
        waiting = self.sides[name].waiting
        if waiting:
            self.take(name, waiting.pop(number % len(waiting)))

    def replay(self, name, number):
        seen = self.sides[name].seen
        if seen:
            self.take(name, seen[number % len(seen)])

    def reload(self, name, _):
        side = self.sides[name]
        side.peer = side.peer.reloaded()
        self.send(name, side.peer.start())

    def reconnect(self, name, _):
        self.send(name, self.sides[name].peer.start())

    def wait(self, _, number):
        self.now += number / 2**14

    # -- the end ---------------------------------------------------------------------------

    def settle(self):
        """Let an honest node deliver everything, in order, and the sides start again in time."""
        for _ in range(4):
            rounds = 0
            while any(side.waiting for side in self.sides.values()):
                for name in SIDES:
                    self.deliver(name, 0)
                self.now += 0.25
                rounds += 1
                assert rounds < 500, "the sides answer each other for ever"
            if all(side.peer.is_ready() for side in self.sides.values()):
                return
            self.now += RETRY
            for name in SIDES:
                if not self.sides[name].peer.is_ready():
                    self.reconnect(name, 0)
        raise AssertionError("the sides do not agree")

    def check(self):
        """What was heard was said by the other, each at most once, in the order of saying."""
        for name, other in (("g", "h"), ("h", "g")):
            said, heard = self.sides[other].said, self.sides[name].heard
            assert set(heard) <= set(said)
            assert heard == sorted(set(heard))


def run(guest, host, schedule, last):
    """Run a schedule; then a side comes back at an honest node, and both hear each other again."""
    world = World(guest, host)
    world.run(schedule)
    world.reconnect(last, 0)
    world.settle()
    for name in SIDES:
        for _ in range(2):
            world.say(name, 0)
    world.settle()
    world.check()
    assert world.sides["g"].heard[-2:] == world.sides["h"].said[-2:]
    assert world.sides["h"].heard[-2:] == world.sides["g"].said[-2:]

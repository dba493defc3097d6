"""Three nodes, random clients, and random faults of the nodes and of Redis.

Judged by what the clients have seen alone. What happens is decided by a seed, which a failure
names: ``FAULTS_SEED=7`` takes that one, ``FAULTS_SECONDS=120`` longer, `make faults` many.
"""

import os
import random
from contextlib import suppress

import pytest
import trio

from tests.backends.redis.cable import FROM_REDIS, TO_REDIS, Cable
from tests.backends.redis.judge import judge
from tests.backends.redis.log import show
from tests.backends.redis.nodes import KEY, Node
from tests.backends.redis.players import GuestPlayer, HostPlayer
from tests.e2e.client import PATIENCE

LEASE = 2
APPROVAL = 4
COUPLES = 4
GIVEN = os.environ.get("FAULTS_SEED")
SECONDS = float(os.environ.get("FAULTS_SECONDS", "30"))
QUICK = 3124, 15.0
"""A seed with which all faults but a restart of Redis happen early, and its seconds."""

_SLOW = pytest.mark.slow("seeds of the property test")
RUNS = [(int(GIVEN), SECONDS)] if GIVEN else [
    QUICK, *(pytest.param(seed, SECONDS, marks=_SLOW) for seed in range(1, 12)),
]  # fmt: skip

# No sweep: a client that comes back after it would find any ended session unknown.
OPTIONS = (
    *("--cluster-lease", str(LEASE), "--cluster-key", KEY, "--drain-seconds", "0.3"),
    *("--sweep-interval", "3600", "--sessions-per-owner", "0"),
)
SHORT, LONG = (0.2, 1.5), (LEASE + 1.0, LEASE + 3.0)

DEADLY = {"kill", "roll"}
LOSES_MEMORY = {"restart"}
RECOVERY = 2 * LEASE + 4.0
"""Seconds in which a second fault may lose a session, as the page on clusters says."""


def plan(seed, seconds):
    """Return the faults, with their node, duration and the pause before each."""
    dice = random.Random(seed)
    at, ailing, steps = 1.5, {"deadly": 0.0, "memory": 0.0}, []
    while at < seconds:
        fault = dice.choices(
            ["kill", "roll", "freeze", "stall", "break", "halve", "redis", "restart"],
            [2, 1, 3, 2, 2, 3, 2, 2],
        )[0]
        lasts = dice.uniform(*dice.choice([SHORT, LONG]))
        node = dice.randrange(3)
        detail = dice.choice([TO_REDIS, FROM_REDIS])
        pause = dice.uniform(0.3, 2.5)
        # A session that neither a node nor Redis remembers is lost, as the page says.
        if fault in LOSES_MEMORY and at < ailing["deadly"]:
            continue
        if fault in DEADLY and at < ailing["memory"]:
            continue
        if fault in LOSES_MEMORY:
            ailing["memory"] = at + RECOVERY
        else:
            ailing["deadly"] = at + lasts + RECOVERY
        steps.append((fault, node, round(lasts, 2), detail, round(pause, 2)))
        at += lasts + pause
    return steps


class Town:
    """Three nodes, each with a cable to Redis, and their clients."""

    def __init__(self, seed, seconds, redis, folder):
        self.seed = seed
        self.seconds = seconds
        self.redis = redis
        self.folder = folder
        self.log = []
        self.cables = [Cable(redis.port) for _ in range(3)]
        self.nodes = [None] * 3
        self.started = []
        self.is_over = False
        self.nursery = None

    def port(self, dice):
        """Return the port of a random node that is up."""
        return dice.choice([node for node in self.nodes if node is not None]).port

    def start(self, number):
        """Start a node; called in a thread, since it takes a while."""
        log = (self.folder / f"node-{number}.log").open("a")
        options = (*OPTIONS, "--cluster", self.cables[number].url)
        for _ in range(20):
            # While the cable is broken, or Redis down, the node says so and ends.
            with suppress(AssertionError):
                node = Node(*options, log=log, approval=APPROVAL)
                break
        self.nodes[number] = node
        self.started.append((node, log))

    async def replace(self, number):
        self.nodes[number] = None
        await trio.to_thread.run_sync(self.start, number)

    async def suffer(self, fault, number, lasts, detail):
        node, cable = self.nodes[number], self.cables[number]
        match fault:
            case "kill":
                node.process.kill()
                node.process.wait()
                self.nodes[number] = None
                await trio.sleep(lasts)
                await self.replace(number)
            case "roll":
                node.terminate()
                await trio.to_thread.run_sync(node.process.wait)
                await self.replace(number)
            case "freeze":
                os.kill(node.process.pid, 19)
                await trio.sleep(lasts)
                os.kill(node.process.pid, 18)
            case "stall":
                cable.stall()
                await trio.sleep(lasts)
                if detail == TO_REDIS:
                    cable.break_off()
                cable.mend()
            case "break":
                cable.break_off()
                await trio.sleep(lasts)
                cable.mend()
            case "halve":
                cable.halve(detail)
                await trio.sleep(lasts)
                cable.mend()
            case "redis":
                self.redis.freeze()
                await trio.sleep(lasts)
                self.redis.thaw()
            case "restart":
                self.redis.kill()
                await trio.sleep(lasts / 3)
                await trio.to_thread.run_sync(self.redis.start)

    async def live(self):
        async with trio.open_nursery() as self.nursery:
            for cable in self.cables:
                await self.nursery.start(cable.run)
            async with trio.open_nursery() as starting:
                for number in range(3):
                    starting.start_soon(trio.to_thread.run_sync, self.start, number)
            pairs = []
            for number in range(COUPLES):
                links, found = trio.open_memory_channel(5)
                pairs.append(
                    (
                        HostPlayer(self, f"host{number}", links),
                        GuestPlayer(self, f"guest{number}", found),
                    )
                )
            players = [player for pair in pairs for player in pair]
            async with trio.open_nursery() as playing:
                for player in players:
                    playing.start_soon(player.play)
                for fault, number, lasts, detail, pause in plan(self.seed, self.seconds):
                    await trio.sleep(pause)
                    print(f"{trio.current_time():9.3f} {fault} node {number}, {lasts} s, {detail}")
                    await self.suffer(fault, number, lasts, detail)
                self.is_over = True
            await self.make_peace(players)
            self.nursery.cancel_scope.cancel()

    async def make_peace(self, players):
        """Once the faults are over, find all sessions and have all signals arrive."""
        with trio.fail_after(PATIENCE):
            for _ in range(2):
                async with trio.open_nursery() as settling:
                    for player in players:
                        settling.start_soon(player.settle)
                await trio.sleep(LEASE)
        for player in players:
            for session_id in [s for s, status in player.sessions.items() if status == "approved"]:
                for _ in range(5):
                    await player.say(session_id)
        await trio.sleep(1.5)

    def stop(self):
        for node, _ in self.started:
            if node.process.poll() is None:
                os.kill(node.process.pid, 18)
            node.terminate()
        for node, log in self.started:
            node.process.wait()
            node.process.stdout.close()
            log.close()


@pytest.mark.real_time
@pytest.mark.parametrize(("seed", "seconds"), RUNS)
def test_clients_see_no_broken_promise_whatever_fails(redis, tmp_path, seed, seconds):
    print(f"FAULTS_SEED={seed} FAULTS_SECONDS={seconds}")
    redis.age()
    town = Town(seed, seconds, redis, tmp_path)
    try:
        trio.run(town.live)
    finally:
        redis.thaw()
        town.stop()
        (tmp_path / "log.txt").write_text("\n".join(map(show, town.log)))
        print(f"the clients' log is {tmp_path / 'log.txt'}")
    print(len(town.log), "entries")
    found = judge(town.log, approval=APPROVAL)
    print(*found, sep="\n")
    assert found == [], f"FAULTS_SEED={seed} FAULTS_SECONDS={seconds} shows this again"
    crashes = [path.name for path in tmp_path.glob("node-*.log") if "Traceback" in path.read_text()]
    assert crashes == []

"""Real nodes in a real cluster, and a host and a guest at any two of them."""

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.e2e.client import Node, unlink

PROGRAM = str(Path(sys.executable).with_name("proxim"))
LEASE = 3
KEY = "a key for tests, of forty characters...."


class Couple:
    """A host at one node and a guest at another."""

    def __init__(self, at, guest_at, session_type="persistent", **fields):
        self.key = secrets.token_urlsafe(32)
        self.host = at.host(key=self.key)
        self.created = self.host.create(session_type, **fields)
        self.id = self.created["session"]["session_id"]
        self.guest = guest_at.peer()
        self.resume_token = self.guest.pair(self.created)["resume_token"]
        self.host.expect("pair_prompt", session_id=self.id)

    def approve(self):
        self.host.decide(self.id)
        self.guest.expect("pair_result", session_id=self.id, status="approved")
        return self

    def talk(self, *numbers):
        """Signals cross both ways, in order, once."""
        self.say(self.host, self.guest, *numbers)
        self.say(self.guest, self.host, *numbers)

    def say(self, sender, receiver, *numbers):
        for number in numbers:
            sender.send("signal", session_id=self.id, data=number)
        for number in numbers:
            receiver.expect("signal", session_id=self.id, data=number)

    def resume(self, at, **expected):
        self.guest = at.peer()
        resumed = self.guest.ask(
            "resumed", "resume", session_id=self.id, resume_token=self.resume_token
        )
        assert {name: resumed[name] for name in expected} == expected
        return resumed

    def register(self, at):
        self.host = at.host(key=self.key)
        found = {each["session_id"]: each for each in self.host.registered["sessions"]}
        return found[self.id]

    def quiet(self):
        self.host.quiet()
        self.guest.quiet()


class Cluster:
    """Some nodes, by number."""

    def __init__(self, redis_url, count=2, *options, **timing):
        self.url = redis_url
        self.options = ("--cluster", redis_url, "--cluster-lease", str(LEASE), *options)
        self.timing = timing
        self.nodes = []
        for _ in range(count):
            self.add()

    def __getitem__(self, number):
        return self.nodes[number]

    def add(self, **more):
        node = Node(*self.options, log=sys.stderr, **self.timing, **more)
        self.nodes.append(node)
        return node

    def kill(self, number):
        node = self.nodes[number]
        node.process.send_signal(signal.SIGCONT)
        node.process.kill()
        node.process.wait()

    def freeze(self, number):
        self.nodes[number].process.send_signal(signal.SIGSTOP)

    def thaw(self, number):
        self.nodes[number].process.send_signal(signal.SIGCONT)

    def stop(self):
        for node in self.nodes:
            node.close_peers()
            node.process.send_signal(signal.SIGCONT)
            node.terminate()
        for node in self.nodes:
            node.stop()


def until(condition, seconds=30.0, pause=0.1):
    """Wait for what comes in its own time."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(pause)
    return found


def status(*options, **environment):
    """``proxim cluster status``, done."""
    return subprocess.run(
        [PROGRAM, "cluster", "status", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )


__all__ = ["LEASE", "Cluster", "Couple", "Node", "status", "unlink", "until"]

"""Real nodes in a cluster, and hosts and guests at any two of them."""

import os
import secrets
import signal
import subprocess
import sys
import time

from tests import fork_server
from tests.e2e import client
from tests.e2e.client import PATIENCE, unlink

LEASE = 60
"""Seconds. A slow node does not lose it; a test ends the lease of a dead node itself."""

SHORT_LEASE = 3
"""Seconds, for a node whose lease is to expire during a test."""

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


class Node(client.Node):
    """A node that is forked, and so starts at once; with an ``environ`` of its own it is not."""

    def __init__(self, *options, environ=None, **more):
        self._environ = environ
        super().__init__(*options, **more)

    def _start(self, arguments, log):
        if self._environ is None:
            return fork_server.start(*arguments, stderr=log)
        return subprocess.Popen(
            [sys.executable, "-m", "proxim", *arguments], stdout=subprocess.PIPE, stderr=log,
            text=True, env={**os.environ, **self._environ},
        )  # fmt: skip


class Cluster:
    """Nodes of one cluster, by number."""

    def __init__(self, redis, count=2, *options, database=0, lease=LEASE, url=None, **timing):
        self.redis = redis
        self.database = database
        self.url = url or redis.url_of(database)
        self.lease = lease
        self.options = ("--cluster", self.url, *options)
        self.timing = timing
        self.nodes = []
        for _ in range(count):
            self.add()

    def __getitem__(self, number):
        return self.nodes[number]

    def add(self, lease=None, **more):
        options = (*self.options, "--cluster-lease", str(lease or self.lease))
        node = Node(*options, log=sys.stderr, **self.timing, **more)
        self.nodes.append(node)
        return node

    def kill(self, number):
        node = self.nodes[number]
        node.process.kill()
        node.process.wait()

    def expire(self, number):
        """End the lease of a node that is killed or frozen."""
        found = self.redis.ask("EVAL", EXPIRE, "0", str(self[number].port), database=self.database)
        assert int(found) == 1

    def freeze(self, number):
        self.nodes[number].process.send_signal(signal.SIGSTOP)

    def thaw(self, number):
        self.nodes[number].process.send_signal(signal.SIGCONT)

    def close_peers(self):
        for node in self.nodes:
            node.close_peers()

    def stop(self):
        """Stop all nodes gracefully."""
        self.close_peers()
        for node in self.nodes:
            node.terminate()
        for node in self.nodes:
            node.stop()

    def end(self):
        """Kill all nodes, since a graceful stop takes long if Redis or a node is frozen."""
        for number in range(len(self.nodes)):
            self.kill(number)
        self.stop()


EXPIRE = """
local ended = 0
for _, key in ipairs(redis.call('KEYS', 'proxim:node:*')) do
  if string.match(cjson.decode(redis.call('GET', key)).at, '%d+$') == ARGV[1] then
    ended = ended + redis.call('DEL', key)
  end
end
return ended
"""


def until(condition, seconds=PATIENCE, pause=0.05):
    """Wait until a condition holds, and return its value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "not in time"
        time.sleep(pause)
    return found


def status(*options, **environment):
    """Run ``proxim cluster status``."""
    return fork_server.run("cluster", "status", *options, env={**os.environ, **environment})


__all__ = ["LEASE", "SHORT_LEASE", "Cluster", "Couple", "Node", "status", "unlink", "until"]

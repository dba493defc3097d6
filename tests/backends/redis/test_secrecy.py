"""What an attacker who can read Redis finds there."""

import pytest

from tests.backends.redis.nodes import KEY, Couple

_READ = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "set": ("SMEMBERS",),
    "list": ("LRANGE", "0", "-1"),
    "zset": ("ZRANGE", "0", "-1"),
    "stream": ("XRANGE", "-", "+"),
}
"""The command that reads a key of each kind, and what follows the key."""


def everything(redis):
    """Return all keys with their content."""
    found = {}
    for key in redis.ask("--scan").decode().split():
        kind = redis.ask("TYPE", key).decode().strip()
        command, *bounds = _READ[kind]
        found[key] = redis.ask(command, key, *bounds)
    return found


def busy(cluster):
    """Run sessions of all kinds, and return the secrets that must not be found."""
    secrets = []
    for at, guest_at in ((0, 1), (1, 2), (2, 2)):
        for kind, fields in (("persistent", {}), ("one_time", {}), ("temporary", {"ttl": 600})):
            couple = Couple(cluster[at], cluster[guest_at], kind, **fields).approve()
            couple.say(couple.host, couple.guest, "the password is swordfish")
            secrets += [couple.key, couple.created["token"], couple.resume_token, "swordfish"]
    return [secret.encode() for secret in secrets]


@pytest.mark.parametrize("options", [(), ("--cluster-key", KEY)], ids=["open", "sealed"])
def test_no_snapshot_contains_a_secret_or_a_signal(brittle, options):
    cluster = brittle(3, *options)
    secrets = busy(cluster)
    found = everything(cluster.redis)
    sessions = [content for key, content in found.items() if ":session:" in key]
    assert len(sessions) == 9
    for key, content in found.items():
        # Batches hold signals; without a key they can be read, as the docs say.
        if ":batches:" not in key or options:
            assert not [secret for secret in secrets if secret in content], key
    is_readable = any(b"persistent" in content for content in sessions)
    assert is_readable is not bool(options)

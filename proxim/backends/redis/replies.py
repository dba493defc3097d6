"""The replies of Redis to the scripts, as the records that a node works with.

Another program that writes to Redis may have put anything there. Each function raises some error
if a reply is not what it should be; the coordinator takes any of them for a Redis that does not
answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxim.backends.redis.records import HeartbeatReply, LimitedKey, Owned, Record, Records

MAX_EPOCH = 2**53
"""What Redis, in Lua, can count up to."""


def read_heartbeat(reply: Any, windows: Mapping[str, float]) -> HeartbeatReply | int:
    """Return the reply, or the version of the layout that other nodes use."""
    held, *rest = reply
    if held == b"layout":
        return _number(rest[0])
    dataset, age, living, refused = rest
    keys = []
    for name, key, value in refused:
        seconds = int(value) / 1000 if windows[text(name)] else int(value)
        keys.append(LimitedKey(text(name), text(key), seconds))
    return HeartbeatReply(bool(held), text(dataset), int(age) / 1000, read_names(living), keys)


def read_records(reply: Any) -> Records:
    """Return the reply to ``look``."""
    dataset, *rest = reply
    found = [
        Record(
            session_id=text(session_id),
            node=text(node),
            epoch=_number(epoch),
            revision=_number(revision),
            free=free == b"1",
            snapshot=content(snapshot),
            lives=bool(lives),
        )
        for session_id, node, epoch, revision, free, snapshot, lives in rest
    ]
    return Records(text(dataset), found)


def read_epoch(reply: Any) -> int:
    """Return the reply to ``reserve``."""
    epoch = int(reply)
    if not 0 <= epoch <= MAX_EPOCH:
        raise ValueError("no node has such an epoch")
    return epoch


def read_owned(reply: Any) -> Owned:
    """Return the reply to ``owned_by``."""
    dataset, session_ids = reply
    return Owned(text(dataset), sorted(read_names(session_ids)))


def read_names(reply: Any) -> frozenset[str]:
    """Return a list of names."""
    return frozenset(map(text, reply))


def read_members(reply: Any) -> dict[str, tuple[bytes, float]]:
    """Return the reply to ``members``."""
    return {
        text(node): (content(description), int(left) / 1000) for node, description, left in reply
    }


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) < 16 else -1


def text(value: Any) -> str:
    """Return a text. Bytes that are not UTF-8 are replaced."""
    return content(value).decode(errors="replace")


def content(value: Any) -> bytes:
    """Return bytes, as they were saved."""
    if not isinstance(value, bytes | str):
        raise TypeError(f"{type(value).__name__} in place of text")
    return value.encode() if isinstance(value, str) else value

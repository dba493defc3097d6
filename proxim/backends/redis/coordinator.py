"""The coordinator on Redis (or Valkey). Each command is one script, and has a time limit.

One connection is for commands, one for batches. Batches are read so many at a time, so that none
pile up in this process. Batches that were sent while a connection was broken are read after it
is made again.
"""

from __future__ import annotations

import logging
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import trio
from coredis import Redis
from coredis.commands import Script
from coredis.retry import NoRetryPolicy

from proxim.backends.redis import replies, scripts
from proxim.backends.redis.records import (
    RESERVATION_TIME,
    CoordinatorLost,
    Counts,
    EncodedBatch,
    HeartbeatReply,
    Limit,
    OtherLayout,
    Owned,
    Records,
    Save,
    ms,
)
from proxim.backends.redis.url import RedisAddress, parse_url, trust
from proxim.exception_groups import ungrouped
from proxim.protocol.errors import InvalidSetting

__all__ = ["Coordinator", "parse_url"]

log = logging.getLogger(__name__)
# The library logs each failed connection with a traceback, and raises the error as well.
logging.getLogger("coredis").setLevel(logging.CRITICAL)
_T = TypeVar("_T")

PREFIX = "proxim:"
COMMAND_TIME = 2.0
"""Seconds that a command may take."""

_POLL_TIME = 1.0
_RETRY_TIME = 0.1
_BATCHES_AT_ONCE = 16
_NO_BATCH = b"?"
"""In place of an entry that no node has written; no batch looks like this."""


class RedisConnection:
    """Sends commands to Redis on one connection, and replaces its client after any failure.

    The library's pool never frees the slot of a connection that breaks in use, or whose command is
    cancelled while it connects. With one slot no further command would get through.
    """

    def __init__(self, address: RedisAddress, tls: ssl.SSLContext | None) -> None:
        self._address = address
        self._tls = tls
        self._client: Redis[bytes]
        self._ready = trio.Event()
        self._broken = trio.Event()

    async def run(self) -> None:
        """Keep a client connected until cancelled."""
        while True:
            try:
                async with make_client(self._address, self._tls) as self._client:
                    self._ready.set()
                    await self._broken.wait()
            except Exception as error:
                log.debug("a connection to Redis broke: %s", type(error).__name__)
                if self._ready.is_set():
                    # Otherwise commands wait for this very event.
                    self._ready = trio.Event()
                await trio.sleep(_RETRY_TIME)
            self._broken = trio.Event()

    async def call(
        self, ask: Callable[[Redis[bytes]], Awaitable[_T]], seconds: float = COMMAND_TIME
    ) -> _T:
        """Return what ``ask`` returns. Raises ``CoordinatorLost`` if it does not in time, or fails.

        So ``ask`` also reads the answer: another program may have put anything there.
        """
        client: Redis[bytes] | None = None
        try:
            with trio.fail_after(seconds):
                await self._ready.wait()
                client = self._client
                return await ask(client)
        except Exception as error:
            # Any error: a client that is being replaced fails in undocumented ways.
            self._discard(client)
            raise CoordinatorLost(
                f"Redis does not answer, or not as it should: {type(error).__name__}"
            ) from None

    def _discard(self, client: Redis[bytes] | None) -> None:
        if self._ready.is_set() and client is self._client:
            self._ready = trio.Event()
            self._broken.set()


class Coordinator:
    """One node's connection to Redis, as the coordinator of its cluster.

    Each coroutine raises ``CoordinatorLost``. The tests have a coordinator in memory beside it.

    ``ca`` is a PEM file with certificate authorities besides the system's. Raises
    ``InvalidSetting`` if it cannot be used.
    """

    def __init__(self, address: RedisAddress, *, ca: str | None = None) -> None:
        tls = trust(ca) if address.secure else None
        self._address = address
        self._commands, self._batches = RedisConnection(address, tls), RedisConnection(address, tls)
        self._read: dict[str, str] = {}

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Coordinator]:
        """Stay connected to Redis.

        Raises ``InvalidSetting`` if this Redis cannot be used, ``CoordinatorLost`` if it cannot be
        reached.
        """
        with ungrouped(CoordinatorLost), ungrouped(InvalidSetting):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._commands.run)
                nursery.start_soon(self._batches.run)
                await self._check()
                yield self
                nursery.cancel_scope.cancel()

    async def _check(self) -> None:
        async def is_enabled(client: Redis[bytes]) -> bool:
            return str((await client.info("cluster")).get("cluster_enabled", 0)) != "0"

        try:
            is_cluster = await self._commands.call(is_enabled)
        except CoordinatorLost as lost:
            raise CoordinatorLost(f"{self._address.host}:{self._address.port}: {lost}") from None
        if is_cluster:
            raise InvalidSetting(
                "cluster: this Redis is part of a Redis Cluster, which does not work"
            )

    async def heartbeat(
        self, node: str, description: bytes, lease: float, limits: Sequence[Limit]
    ) -> HeartbeatReply:
        """Renew a node's lease for ``lease`` seconds. Batches received before are deleted.

        Raises ``OtherLayout`` if nodes live that use another layout.
        """
        arguments: list[str | bytes | int] = [
            node,
            description,
            ms(lease),
            self._read.get(node, "0"),
        ]
        arguments.append(secrets.token_hex(8))
        for limit in limits:
            arguments += [limit.name, limit.most, ms(limit.window)]
        windows = {limit.name: limit.window for limit in limits}
        reply = await self._run(
            lambda answer: replies.read_heartbeat(answer, windows), scripts.HEARTBEAT, *arguments
        )
        if isinstance(reply, int):
            raise OtherLayout(reply)
        return reply

    async def look(self, session_ids: Sequence[str]) -> Records:
        """Return what was last saved of sessions; unknown ones are left out."""
        return await self._run(replies.read_records, scripts.LOOK, *session_ids)

    async def reserve(self, node: str, session_id: str, seconds: float = RESERVATION_TIME) -> int:
        """Keep an id for a node for some ``seconds``.

        Return the epoch in which the node may open the session; 0 if the id is not free.
        """
        return await self._run(replies.read_epoch, scripts.RESERVE, node, session_id, ms(seconds))

    async def owned_by(self, owner: str) -> Owned:
        """Return the ids of an owner's sessions."""
        return await self._run(replies.read_owned, scripts.OWNED, owner)

    async def flush(
        self,
        node: str,
        saves: Sequence[Save],
        batches: Sequence[EncodedBatch],
        counts: Counts | None = None,
    ) -> frozenset[str]:
        """Save, count and send, all at once; return the sessions that another node owns.

        Of such a session another node has saved the same epoch or a later one, and this save is
        not newer. A save of an older epoch or revision changes nothing. To a dead node nothing is
        sent, and from a dead node nothing is sent or counted. When this raises, it may have
        happened.
        """
        number, changes = counts or (0, ())
        arguments: list[str | bytes | int] = [node, len(saves), len(changes), number]
        for save in saves:
            arguments += [save.session_id, save.owner, save.epoch, save.revision]
            arguments += [save.snapshot, int(save.free)]
        for limit, key, count in changes:
            arguments += [limit.name, key, count, limit.most, ms(limit.window)]
        for batch in batches:
            arguments += batch
        return await self._run(replies.read_names, scripts.FLUSH, *arguments)

    async def receive(self, node: str) -> list[bytes]:
        """Return the batches for a node, in order; wait for some, at most about a second.

        An empty batch asks for a heartbeat: a key has reached a limit, or a node has left.
        """
        stream, read = f"{PREFIX}batches:{node}", self._read.get(node, "0")

        async def ask(client: Redis[bytes]) -> tuple[list[bytes], str]:
            answer = await client.xread(
                {stream: read}, count=_BATCHES_AT_ONCE, block=ms(_POLL_TIME)
            )
            entries = answer[stream.encode()] if answer else ()
            bodies = [replies.content(entry.field_values.get(b"b", _NO_BATCH)) for entry in entries]
            return bodies, replies.text(entries[-1].identifier) if entries else read

        bodies, read = await self._batches.call(ask, COMMAND_TIME + _POLL_TIME)
        if bodies:
            self._read = {node: read}
        return bodies

    async def leave(self, node: str) -> None:
        """End a node's lease, and delete what it has counted."""
        await self._run(lambda _: None, scripts.LEAVE, node)

    async def members(self) -> dict[str, tuple[bytes, float]]:
        """Return what each living node says about itself, and the seconds left of its lease."""
        return await self._run(replies.read_members, scripts.MEMBERS)

    async def _run(self, read: Callable[[Any], _T], text: str, *arguments: str | bytes | int) -> _T:
        """Run a script, and return what ``read`` makes of its answer."""
        script: Script[bytes] = Script(script=text)

        async def ask(client: Redis[bytes]) -> _T:
            return read(await script(args=[PREFIX, *arguments], client=client))

        return await self._commands.call(ask)


def make_client(address: RedisAddress, tls: ssl.SSLContext | None) -> Redis[bytes]:
    """Return a client with one connection that retries nothing."""
    # No retries: the command may have been carried out, so the caller decides.
    return Redis(
        address.host,
        address.port,
        address.db,
        username=address.username,
        password=address.password,
        ssl_context=tls,
        max_connections=1,
        connect_timeout=COMMAND_TIME,
        retry_policy=NoRetryPolicy(),
    )

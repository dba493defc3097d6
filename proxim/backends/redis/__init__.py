"""Several nodes as one, by way of Redis.

Its libraries are imported only where a cluster is configured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from proxim.actors.backend import Backend
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent

if TYPE_CHECKING:
    from proxim.actors.supervisor import Supervisor


class ClusterOptions(Struct, frozen=True):
    """Where the Redis of a cluster is, and how it is guarded; without a URL there is no cluster.

    ``cluster_key`` seals what nodes leave in Redis, ``cluster_ca`` is a PEM file of authorities
    besides the system's, ``cluster_lease`` is in seconds.
    """

    cluster: str | None = None
    cluster_key: str | None = None
    cluster_ca: str | None = None
    cluster_lease: float = 10.0

    def __repr__(self) -> str:
        return represent(self, ("cluster", "cluster_key"))


def make_backend(
    supervisor: Supervisor,
    options: ClusterOptions,
    describe_node: Callable[[], dict[str, object]],
) -> Backend:
    """Make the backend of a node in a cluster. ``describe_node`` says what others may know of it.

    Raises ``InvalidSetting`` if an option cannot be used, or what it needs is not installed.
    """
    assert options.cluster is not None
    try:
        from proxim.backends.redis.backend import RedisBackend
        from proxim.backends.redis.redis_coordinator import Coordinator, parse_url
        from proxim.backends.redis.seal import Seal
    except ImportError:
        raise InvalidSetting(
            "cluster needs more libraries: pip install 'proxim[cluster]'"
        ) from None
    return RedisBackend(
        supervisor,
        Coordinator(parse_url(options.cluster), ca=options.cluster_ca),
        seal=Seal(options.cluster_key),
        lease=options.cluster_lease,
        describe_node=describe_node,
    )

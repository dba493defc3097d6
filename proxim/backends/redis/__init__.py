"""Several nodes as one, by way of Redis.

Its libraries are imported only where a cluster is configured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from proxim.actors.backend import Backend
from proxim.extras import missing
from proxim.protocol.errors import InvalidSetting
from proxim.redact import represent

if TYPE_CHECKING:
    from proxim.actors.supervisor import Supervisor


class ClusterOptions(Struct, frozen=True):
    """Where the Redis of a cluster is, and how it is guarded; without a URL there is no cluster.

    ``cluster_key`` encrypts what nodes leave in Redis; without it Redis has to be on this machine,
    or ``cluster_insecure`` be set. ``cluster_ca`` is a PEM file of authorities besides the
    system's, ``cluster_lease`` is in seconds.
    """

    cluster: str | None = None
    cluster_key: str | None = None
    cluster_insecure: bool = False
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
        from proxim.backends.redis.cipher import ClusterCipher
        from proxim.backends.redis.coordinator import Coordinator, parse_url
    except ImportError:
        raise missing("cluster", "cluster") from None
    address = parse_url(options.cluster)
    if options.cluster_key is None and not (address.is_local or options.cluster_insecure):
        raise InvalidSetting(
            f"cluster: {address.host} is another machine, and without cluster_key whoever writes "
            "to Redis can approve sessions and read signals: give all nodes the same cluster_key; "
            "if nobody else can reach that Redis, cluster_insecure"
        )
    return RedisBackend(
        supervisor,
        Coordinator(address, ca=options.cluster_ca),
        cipher=ClusterCipher(options.cluster_key),
        lease=options.cluster_lease,
        describe_node=describe_node,
    )

"""What a peer may use of a connection. Sizes in bytes, times in seconds."""

from __future__ import annotations

from msgspec import Struct

from proxim.net.token_bucket import TokenBucket


class Limits(Struct, frozen=True):
    """Bounds on one connection, each with its default."""

    head_size: int = 16 * 1024
    head_fields: int = 100
    head_time: float = 5.0
    tls_time: float = 5.0
    introduction_time: float = 10.0
    """Time to the first ``register``, ``pair_request`` or ``resume``; then close 4002."""
    message_size_unseated: int = 8 * 1024
    """The size of a message until the connection has got a seat; ``message_size`` from then on."""
    message_size: int = 64 * 1024
    message_fragments: int = 64
    message_time: float = 10.0
    """Time from the first byte of a message to its last; then close 1008."""
    ping_interval: float = 20.0
    pong_time: float = 20.0
    write_time: float = 10.0
    close_time: float = 5.0
    linger_time: float = 1.0
    outbox_size: int = 256 * 1024
    """What may wait to be written, a backlog that was kept not counted. Then close 4001."""
    outbox_messages: int = 64
    """How many messages other than signals may wait to be written. Then close 4001."""
    messages: TokenBucket = TokenBucket.of(50, 200)
    """Past it the connection is read more slowly; see ``overrate_time``."""
    overrate_time: float = 10.0
    """How long a peer may go on to send faster than that; then close 1008."""
    controls: TokenBucket = TokenBucket.of(5, 20)
    """Pings and pongs; past it close 1008."""
    connections_per_address: int = 64
    """0 is no limit."""
    max_connections: int = 0
    """0 is 80 % of the file descriptors that the process may have."""

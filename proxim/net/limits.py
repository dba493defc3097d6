"""The limits of connections. Sizes are in bytes, times in seconds."""

from __future__ import annotations

from msgspec import Struct

from proxim.net.token_bucket import TokenBucket


class Limits(Struct, frozen=True):
    """Limits each connection, and all of them together; with defaults."""

    head_size: int = 16 * 1024
    head_fields: int = 100
    head_time: float = 5.0
    tls_time: float = 5.0
    introduction_time: float = 10.0
    """Time until the first ``register``, ``pair_request`` or ``resume``; then close 4002."""
    message_size_unseated: int = 8 * 1024
    """The size of a message until the connection has a seat; ``message_size`` from then on."""
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
    """Bytes that may be queued, the backlogs of seats not counted; then close 4001."""
    outbox_messages: int = 64
    """Messages other than signals that may be queued; then close 4001."""
    messages: TokenBucket = TokenBucket.of(50, 200)
    """The rate of messages; a faster client is read more slowly, see ``overrate_time``."""
    overrate_time: float = 10.0
    """Time for which a client may go on sending faster; then close 1008."""
    controls: TokenBucket = TokenBucket.of(5, 20)
    """The rate of pings and pongs; then close 1008."""
    connections_per_address: int = 64
    """0 is no limit."""
    max_outbox_bytes: int = 256 * 1024 * 1024
    """Bytes that may be queued for all connections together; 0 is no limit."""
    max_connections: int = 0
    """0 is 80 % of the limit on file descriptors."""

"""What a peer may use of a connection. Sizes in bytes, times in seconds."""

from __future__ import annotations

from msgspec import Struct


class Limits(Struct, frozen=True):
    """Bounds on one connection, each with its default."""

    head_bytes: int = 16 * 1024
    head_fields: int = 100
    head_time: float = 5.0
    tls_time: float = 5.0
    introduction_time: float = 10.0
    """Time to the first ``register``, ``pair_request`` or ``resume``; then close 4002."""
    message_bytes: int = 64 * 1024
    message_fragments: int = 64
    ping_interval: float = 20.0
    pong_time: float = 20.0
    write_time: float = 10.0
    close_time: float = 5.0
    part_time: float = 1.0
    outbox_bytes: int = 512 * 1024
    """What may wait to be written; has to hold a whole backlog at its return. Then close 4001."""

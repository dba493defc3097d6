"""The names that the pages have for types and states of sessions, for people at a terminal."""

from __future__ import annotations

from typing import Final

TYPES: Final[dict[str, str]] = {
    "one_time": "Once",
    "temporary": "For a while",
    "persistent": "Until closed",
}
STATUSES: Final[dict[str, str]] = {
    "pending": "waiting",
    "approved": "approved",
    "rejected": "declined",
    "expired": "ended",
}

"""The bytes that all backlogs of a node may take together."""

from __future__ import annotations

import sys

from msgspec import Struct

SHARE = 256
"""A backlog may have at most one part in so many of what is free."""


class Budget(Struct):
    """Bytes that are ``used``, of at most ``most``; 0 means no limit. ``refused`` counts refusals.

    What one backlog may have is a share of what is free. So it shrinks when others take much, and
    they leave room for a backlog that has nothing yet.
    """

    most: int = 256 * 1024 * 1024
    used: int = 0
    refused: int = 0

    def share(self, own: int) -> int:
        """Return the bytes that a backlog may have now which has its ``own`` already."""
        return (self.most - self.used + own) // SHARE if self.most > 0 else sys.maxsize

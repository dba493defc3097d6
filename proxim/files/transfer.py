"""A file that crosses, as an application sees it from any thread."""

from __future__ import annotations

from pathlib import Path

from proxim.protocol.errors import ProximError


class Transfer:
    """A file that crosses, or is to cross, and what has become of it. Each attribute is current.

    ``name`` is a safe name for a file that comes. ``size`` is in bytes, and ``crossed`` counts them
    so far. ``path`` is that of the file that goes, and of one that has come. At the end ``is_over``
    is true; ``error`` says why the file did not cross.
    """

    is_incoming = False

    def __init__(self, name: str, size: int, path: Path | None = None) -> None:
        self.name = name
        self.size = size
        self.crossed = 0
        self.path = path
        self.error: ProximError | OSError | None = None
        self.is_over = False

    def __str__(self) -> str:
        """Return a line for a person: ``holiday.jpg: 42 %``."""
        if self.error is not None:
            return f"{self.name}: {_reason(self.error)}"
        if not self.is_over:
            return f"{self.name}: {self.crossed / max(self.size, 1):.0%}"
        return f"Received {self.path}" if self.is_incoming else f"Sent {self.name}"

    def _count(self, crossed: int) -> None:
        """Set how many bytes have crossed."""
        self.crossed = crossed

    def _finish(self, error: ProximError | OSError | None = None) -> None:
        """Set that the file has crossed, or why it has not."""
        self.error = error
        self.is_over = True


def _reason(error: ProximError | OSError) -> str:
    return str(error) if isinstance(error, ProximError) else error.strerror or str(error)

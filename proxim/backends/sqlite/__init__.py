"""Persistent sessions in a file, so that they come back after a restart of the node.

Its libraries are imported only where a store is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxim.actors.backend import Backend
from proxim.protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from proxim.actors.supervisor import Supervisor


def make_backend(supervisor: Supervisor, url: str, key: str) -> Backend:
    """Make the backend of a node with a store at ``sqlite:///path``, sealed with ``key``.

    Raises ``InvalidSetting`` if what it needs is not installed.
    """
    try:
        from proxim.backends.sqlite.backend import SqliteBackend
        from proxim.backends.sqlite.file import StoreFile, path_of
        from proxim.backends.sqlite.seal import Seal
    except ImportError as error:
        raise InvalidSetting(f"store: {error.name} is missing: pip install proxim[store]") from None
    return SqliteBackend(supervisor, StoreFile(path_of(url)), Seal(key))

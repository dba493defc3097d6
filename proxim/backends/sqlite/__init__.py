"""Keeps persistent sessions in a file, so that they are restored after a restart of the node.

The libraries that this needs are imported only if a store is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxim.actors.backend import Backend
from proxim.extras import missing

if TYPE_CHECKING:
    from proxim.actors.supervisor import Supervisor


def make_backend(supervisor: Supervisor, url: str, key: str) -> Backend:
    """Return the backend of a node with a store at ``sqlite:///path``, encrypted with ``key``.

    Raises ``InvalidSetting`` if a library that it needs is not installed.
    """
    try:
        from proxim.backends.sqlite.backend import SqliteBackend
        from proxim.backends.sqlite.cipher import RowCipher
        from proxim.backends.sqlite.file import StoreFile, path_of
    except ImportError:
        raise missing("store", "store") from None
    return SqliteBackend(supervisor, StoreFile(path_of(url)), RowCipher(key))

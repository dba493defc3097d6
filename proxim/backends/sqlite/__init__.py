"""The store: persistent sessions in a file, so that they come back after a restart of the node.

What it needs is imported only where a store is wanted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxim.protocol.errors import InvalidSetting

if TYPE_CHECKING:
    from proxim.backends.sqlite.backend import StoreKeeper


def make_keeper(url: str | None, key: str | None) -> StoreKeeper | None:
    """The keeper of the store at ``sqlite:///path``, sealed with ``key``; None without one.

    Raises ``InvalidSetting`` when what it needs is not installed.
    """
    if url is None or key is None:
        return None
    try:
        from proxim.backends.sqlite.backend import StoreKeeper
        from proxim.backends.sqlite.file import StoreFile, path_of
        from proxim.backends.sqlite.seal import Seal
    except ImportError as error:
        raise InvalidSetting(f"store: {error.name} is missing: pip install proxim[store]") from None
    return StoreKeeper(StoreFile(path_of(url)), Seal(key))


def exposition(keeper: StoreKeeper | None) -> str:
    """What ``GET /metrics`` tells of the store; nothing, where there is none."""
    if keeper is None:
        return ""
    from proxim.backends.sqlite import stats

    return stats.exposition(keeper)

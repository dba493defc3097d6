"""The modes of files that contain a secret."""

from __future__ import annotations

import logging
import os
import stat
import sys
from functools import cache

from proxim.protocol.errors import InvalidSetting

log = logging.getLogger(__name__)


def check_private(name: str, path: str | os.PathLike[str]) -> None:
    """Warn once, in the log, if all users of this machine can read a file with a secret.

    ``name`` is that of the setting. Raises ``InvalidSetting`` if they can write the file: they
    could have chosen the secret. Windows has no modes.
    """
    mode = access_of_others(path)
    if mode & os.W_OK:
        raise InvalidSetting(
            f"{name}: all users of this machine can write {path}, and so choose the secret in it: "
            "make a new secret, and a file that only you can write (chmod 600)"
        )
    if mode & os.R_OK:
        _warn(f"{name}: all users of this machine can read {path}: run chmod o-r on it")


def access_of_others(path: str | os.PathLike[str]) -> int:
    """Return whether all users can read a file (``os.R_OK``) and write it (``os.W_OK``)."""
    if sys.platform == "win32":
        return 0
    try:
        return stat.S_IMODE(os.stat(path).st_mode) & stat.S_IRWXO & (os.R_OK | os.W_OK)
    except OSError:
        return 0  # To read it will fail, too, and the error will say why.


@cache
def _warn(text: str) -> None:
    log.warning("%s", text)

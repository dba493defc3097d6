"""Taking the mask off a payload (RFC 6455, 5.3).

The ``websockets`` library has this in C, with wheels for most systems. Where it is installed (the
extra ``speed``) that is used; elsewhere it is done here, a few times as slowly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache


def in_python(data: bytes, mask: bytes) -> bytes:
    """``data`` with its mask of four bytes put on or taken off: as one number, all at once."""
    size = len(data)
    words = (size + 3) // 4
    number = int.from_bytes(data, "little") ^ int.from_bytes(mask, "little") * _repeated(words)
    return number.to_bytes(words * 4, "little")[:size]


@lru_cache(maxsize=128)
def _repeated(words: int) -> int:
    """What four bytes, as a number, are to be multiplied with to stand there so many times."""
    return int.from_bytes(b"\1\0\0\0" * words, "little")


apply_mask: Callable[[bytes, bytes], bytes] = in_python
with contextlib.suppress(ImportError):
    from websockets import speedups

    apply_mask = speedups.apply_mask

IS_COMPILED = apply_mask is not in_python
"""Whether the library's C is in use."""

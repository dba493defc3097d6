"""Masking and unmasking payloads (RFC 6455, 5.3).

The C code of the ``websockets`` library is used where that is installed (the extra ``speed``). The
Python code here is a few times slower.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import lru_cache


def in_python(data: bytes, mask: bytes) -> bytes:
    """Mask or unmask ``data`` with a mask of four bytes, as one large number."""
    size = len(data)
    words = (size + 3) // 4
    number = int.from_bytes(data, "little") ^ int.from_bytes(mask, "little") * _repeated(words)
    return number.to_bytes(words * 4, "little")[:size]


@lru_cache(maxsize=128)
def _repeated(words: int) -> int:
    """Return the factor that repeats four bytes, as a number, so many times."""
    return int.from_bytes(b"\1\0\0\0" * words, "little")


apply_mask: Callable[[bytes, bytes], bytes] = in_python
with contextlib.suppress(ImportError):
    from websockets import speedups

    apply_mask = speedups.apply_mask

IS_COMPILED = apply_mask is not in_python
"""Whether the C code of the library is in use."""

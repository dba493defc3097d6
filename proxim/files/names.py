"""Safe names for received files (docs/reference/channel.md: Files).

The name that a sender gives is a claim. The name in the folder is one that every system can store,
that shows all that it contains, and that stays inside the folder.
"""

from __future__ import annotations

import os
import re
import unicodedata

from proxim.protocol import device_names

MAX_BYTES = 255
"""Size of a name in UTF-8. Most file systems take no longer one."""

MAX_CLAIM = 4096
"""Characters of a sender's name that are looked at."""

FALLBACK = "file"
"""The name of a file whose sender gives no usable name."""

_LONGEST_EXTENSION = 20
"""Bytes of an extension, with its dot, that is kept when a name is cut."""

_FORBIDDEN = re.compile(r'[<>:"|?*]')
"""Characters that Windows does not allow. A colon would also name a stream of another file."""

_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)"
    r"|(?:desktop\.ini|thumbs\.db|autorun\.inf)$",
    re.IGNORECASE,
)
"""Names of devices on Windows, with any extension, and files that change what its folder does."""

_HIDDEN = re.compile(
    r"\.(?:lnk|scf|url|pif|website|appref-ms|library-ms|search-ms|searchconnector-ms"
    r"|desklink|mapimail|shb|shs|xnk|zfsendtotarget|\{[0-9a-f-]+\})$",
    re.IGNORECASE,
)
"""Extensions that Windows never shows. It follows some of these links when the folder is opened."""


def safe_name(claim: str) -> str:
    """Return a name for a file that its sender calls ``claim``.

    It is the last part of the claim, without invisible characters, and of at most 255 bytes. It
    does not begin with a dot, since it would be hidden then, or configure a program, nor with a
    hyphen, since a command would take it for an option. It does not end in an extension that
    Windows hides: ``photo.jpg.lnk`` becomes ``photo.jpg.lnk_``.
    """
    name = re.split(r"[/\\]", claim[:MAX_CLAIM].rstrip("/\\"))[-1]
    name = "".join(" " if unicodedata.category(char) == "Zs" else char for char in name)
    name = re.sub(" {2,}", " ", name)  # A row of them would hide what follows.
    name = _tidy(device_names.without_faults(_FORBIDDEN.sub("_", name)))
    if name.startswith("."):
        name = _tidy("_" + name.lstrip(". "))
    if _RESERVED.match(name) or name.startswith("-"):
        name = f"_{name}"
    name = _tidy(device_names.without_faults(_cut(name, MAX_BYTES)))
    if _HIDDEN.search(name):
        name = _cut(name, MAX_BYTES - 1) + "_"
    return FALLBACK if device_names.fault(name) or not name.strip("_") else name


def storable(name: str) -> str:
    """Return a name with ``_`` for each character that file names cannot have on this system."""
    return "".join(char if _is_storable(char) else "_" for char in name)


def _is_storable(char: str) -> bool:
    try:
        os.fsencode(char)
    except UnicodeEncodeError:
        return False
    return True


def numbered(name: str, number: int) -> str:
    """Return the name for a file if those with lower numbers exist: ``holiday (2).jpg``."""
    return name if number < 2 else _with_suffix(name, f" ({number})")


def partial(name: str, mark: str) -> str:
    """Return the name for a file that is not complete: ``holiday.jpg.MARK.part``."""
    ending = f".{mark}.part"
    return _cut(name, MAX_BYTES - len(ending)) + ending


def _tidy(name: str) -> str:
    """Remove spaces around a name and dots after it, which Windows would remove, too."""
    return name.strip().rstrip(". ")


def _with_suffix(name: str, suffix: str) -> str:
    stem, extension = _split(name)
    return _cut(stem, MAX_BYTES - len(suffix) - len(extension.encode())) + suffix + extension


def _cut(name: str, most: int) -> str:
    """Return the name cut to ``most`` bytes, with its extension."""
    if len(name.encode()) <= most:
        return name
    stem, extension = _split(name)
    left = most - len(extension.encode())
    return stem.encode()[:left].decode("utf-8", "ignore").rstrip() + extension


def _split(name: str) -> tuple[str, str]:
    """Return the name without its extension, and the extension with its dot; it may be empty."""
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) >= _LONGEST_EXTENSION:
        return name, ""
    return stem, dot + extension

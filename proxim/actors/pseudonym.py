"""What a session is called in a log: the same name in each line, which means nothing elsewhere."""

from __future__ import annotations

import hashlib
import secrets

_KEY = secrets.token_bytes(32)
"""This process's own, kept nowhere: who has the log and a session id still cannot match them."""


def pseudonym(session_id: str) -> str:
    """Ten hexadecimal digits for a session, of use only within this process."""
    return hashlib.blake2b(session_id.encode(), key=_KEY, digest_size=5).hexdigest()


def about(session_id: str) -> dict[str, str]:
    """The ``extra`` of a log line about a session."""
    return {"session": pseudonym(session_id)}

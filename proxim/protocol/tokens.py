"""Encodes, hashes and compares secrets (protocol: Links and QR codes).

The node keeps SHA-256 hashes of tokens and keys, never the values.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Iterable

SESSION_ID_BYTES = 16
"""Random bytes in a session id: 128 bits."""

TOKEN_BYTES = 32
"""Random bytes in a pairing token, a resume token and a key: 256 bits."""

TOKEN_LENGTH = 43
"""Characters of so many bytes, encoded."""

FAMILY_BYTES = 16
FAMILY_LENGTH = 22
"""Random bytes, and their characters, with which all resume tokens of a session begin."""

_URL_SAFE = bytes.maketrans(b"+/", b"-_")

_ID_LABEL = b"".join(len(each).to_bytes(2) + each for each in (b"proxim seal 1", b"session"))

ACCESS_TOKEN_LENGTH = 22
"""Characters of 128 random bits, encoded; an access token with fewer may be found by trying."""


def encode(raw: bytes) -> str:
    """Return ``raw`` as base64url without padding."""
    # As `urlsafe_b64encode` does, without the calls in between.
    return b2a_base64(raw, newline=False).translate(_URL_SAFE, b"=").decode("ascii")


def decode_hash(text: str) -> bytes:
    """Return the 32 bytes of a ``token_hash`` from the wire (base64url, 43 characters)."""
    return urlsafe_b64decode(text.rstrip("=") + "=")


def session_id_of(nonce: str) -> str:
    """Return the id of the session that a nonce from the wire opens (protocol: Host → node)."""
    raw = urlsafe_b64decode(nonce + "=")
    digest = hashlib.sha256(_ID_LABEL + len(raw).to_bytes(2) + raw).digest()
    return encode(digest[:SESSION_ID_BYTES])


def digest(secret: str) -> bytes:
    """Return the SHA-256 of a secret, as the text that the link has."""
    return hashlib.sha256(secret.encode()).digest()


def family(resume_token: str) -> str | None:
    """Return what a resume token shares with the others of its session; None if it is an old one.

    By this a node knows a token that it gave and has forgotten since. A token that was cut has no
    family: the node never gave it.
    """
    has_family = len(resume_token) == FAMILY_LENGTH + TOKEN_LENGTH
    return resume_token[:FAMILY_LENGTH] if has_family else None


def family_hash(resume_token: str) -> bytes | None:
    """Return the SHA-256 of the family of a resume token, or None."""
    shared = family(resume_token)
    return None if shared is None else digest(shared)


def is_unguessable(token: str) -> bool:
    """Return whether a token has as many characters as one of 256 random bits.

    Such a token is not found by trying, so a limit on wrong ones does not need to refuse it.
    """
    return len(token) >= TOKEN_LENGTH


def matches(secret: str, expected: bytes) -> bool:
    """Return whether ``secret`` hashes to ``expected``, in a time that reveals neither."""
    return hmac.compare_digest(digest(secret), expected)


def find(secret: str, hashes: Iterable[bytes]) -> bytes | None:
    """Return the one of ``hashes`` to which ``secret`` hashes, or None."""
    shown = digest(secret)
    return next((each for each in hashes if hmac.compare_digest(shown, each)), None)


def same(code: str, expected: str) -> bool:
    """Return whether two codes are the same, in a time that reveals neither."""
    return hmac.compare_digest(code.encode(), expected.encode())

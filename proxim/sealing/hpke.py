"""One HPKE message with a pre-shared key (sealing: HPKE; RFC 9180, mode_psk)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pyhpke import AEADId, CipherSuite, KDFId, KEMId, PyHPKEError

from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, info

SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
_EXPORTED = info("S")


class Sealed(NamedTuple):
    """An encapsulated key, a ciphertext, and the exported secret ``S``."""

    enc: bytes
    ciphertext: bytes
    secret: bytes


def seal(
    host_key: bytes,
    psk: bytes,
    psk_id: bytes,
    session_id: str,
    text_for: Callable[[bytes], bytes],
    draw: Draw,
) -> Sealed:
    """Seal a text for the host of a session.

    ``text_for`` returns the text for the encapsulated key, which a signature in it may cover.
    """
    _check(psk)
    ephemeral = SUITE.kem.derive_key_pair(draw(KEY_BYTES))
    enc, context = SUITE.create_sender_context(
        SUITE.kem.deserialize_public_key(host_key),
        _info(session_id),
        psk=psk,
        psk_id=psk_id,
        eks=ephemeral,
    )
    return Sealed(enc, context.seal(text_for(enc)), context.export(_EXPORTED, KEY_BYTES))


def unseal(
    private: bytes, psk: bytes, psk_id: bytes, session_id: str, enc: bytes, ciphertext: bytes
) -> tuple[bytes, bytes]:
    """Return the text and the secret ``S``. Raises ``DoesNotOpen``."""
    _check(psk)
    try:
        # A context that failed once opens nothing more, so each attempt has its own.
        context = SUITE.create_recipient_context(
            enc,
            SUITE.kem.deserialize_private_key(private),
            _info(session_id),
            psk=psk,
            psk_id=psk_id,
        )
        return context.open(ciphertext), context.export(_EXPORTED, KEY_BYTES)
    # pyhpke lets the ValueError of a bad `enc` through.
    except (PyHPKEError, ValueError):
        raise DoesNotOpen from None


def _info(session_id: str) -> bytes:
    return info("hpke", session_id.encode())


def _check(psk: bytes) -> None:
    # With an empty key pyhpke would silently use the mode without one.
    if len(psk) != KEY_BYTES:
        raise ValueError("a pre-shared key has 32 bytes")

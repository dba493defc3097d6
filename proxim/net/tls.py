"""The certificate: read from its files, again and again in the life of a node."""

from __future__ import annotations

import ssl
from pathlib import Path

from proxim.protocol.errors import InvalidSetting


def load_certificate(cert: str, key: str) -> ssl.SSLContext:
    """A context that shows the certificate chain in ``cert``, by the private key in ``key``.

    A fresh one each time: files that are half replaced, or no longer belong together, spoil none
    that is in use. Raises ``InvalidSetting`` with what is wrong.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        for name, path in (("tls_cert", cert), ("tls_key", key)):
            if not Path(path).is_file():
                raise InvalidSetting(f"{name}: there is no file {path}")
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        raise InvalidSetting(f"tls_cert and tls_key: cannot be used together: {error}") from None
    return context


def _no_password() -> str:
    # OpenSSL would ask at the terminal otherwise, and the node would stand still meanwhile.
    raise InvalidSetting(
        "tls_key: it is encrypted, and nobody is there to tell its password; take that away, as "
        "`openssl pkey -in KEY -out PLAIN` does"
    )

"""Reading the TLS certificate, at the start and for each renewal."""

from __future__ import annotations

import ssl
from pathlib import Path

from proxim.private_files import check_private
from proxim.protocol.errors import InvalidSetting


def load_certificate(cert: str, key: str) -> ssl.SSLContext:
    """Return a context with the certificate chain in ``cert`` and the private key in ``key``.

    It is a new context each time, so that incomplete or mismatched files do not affect the one in
    use. Raises ``InvalidSetting`` with what is wrong.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        for name, path in (("tls_cert", cert), ("tls_key", key)):
            if not Path(path).is_file():
                raise InvalidSetting(f"{name}: there is no file {path}")
        check_private("tls_key", key)
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        raise InvalidSetting(f"tls_cert and tls_key: cannot be used together: {error}") from None
    return context


def _no_password() -> str:
    # Otherwise OpenSSL asks at the terminal, and the node stands still until it is answered.
    raise InvalidSetting(
        "tls_key: the key is encrypted, and the node cannot ask for its password; decrypt it with "
        "`openssl pkey -in KEY -out PLAIN`"
    )

"""Whether browsers accept the certificate, and for how long.

A TLS client in this process does a handshake with the certificate in memory. It finds every
problem that a browser would find, and needs no port.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from proxim.doctor.result import CheckResult, error, ok, warning
from proxim.net.tls import load_certificate
from proxim.protocol.errors import InvalidSetting
from proxim.settings import Settings

DAY = 86_400.0
SOON = 21 * DAY
"""A certificate that expires within this time should have been renewed already.

Clients of Let's Encrypt renew when a third of the 90 days is left.
"""


def check(settings: Settings) -> Iterator[CheckResult]:
    """Yield what is right or wrong with the certificate and its key."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        yield _check_without_certificate(settings)
        return
    try:
        server = load_certificate(cert, key)
    except InvalidSetting as problem:
        yield error(
            "tls",
            str(problem),
            "give the PEM chain, leaf first, and the key of that leaf, without a password "
            "(`openssl pkey -in encrypted.pem -out key.pem` removes it)",
        )
        return
    yield _check_expiry(server, cert)
    yield _check_chain(server, urlsplit(settings.public_url or "").hostname)


def _check_without_certificate(settings: Settings) -> CheckResult:
    is_open = settings.lan or settings.host not in ("127.0.0.1", "::1", "localhost")
    if is_open and not (settings.public_url or "").startswith("https:"):
        return warning(
            "tls",
            "no certificate: browsers allow camera and clipboard only on https pages",
            "set tls_cert and tls_key, or use a TLS proxy and set public_url to its https URL",
        )
    return ok("tls", "no certificate, and none is needed here")


def _check_expiry(server: ssl.SSLContext, cert: str) -> CheckResult:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The client trusts the leaf itself, so only its dates can be wrong.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert)
    renew = "renew it, and reload the node (SIGHUP)"
    try:
        leaf = _handshake(client, server, None)
    except ssl.SSLCertVerificationError as problem:
        return error("tls expiry", f"the certificate is not valid: {problem.verify_message}", renew)
    left = ssl.cert_time_to_seconds(str(leaf["notAfter"])) - time.time()
    found = f"the certificate is valid for {left / DAY:.0f} days, until {leaf['notAfter']}"
    return warning("tls expiry", found, renew) if left < SOON else ok("tls expiry", found)


def _check_chain(server: ssl.SSLContext, name: str | None) -> CheckResult:
    client = ssl.create_default_context()
    client.check_hostname = name is not None
    try:
        _handshake(client, server, name)
    except ssl.SSLCertVerificationError as problem:
        return warning(
            "tls chain",
            f"clients with the usual root certificates refuse it: {problem.verify_message}",
            "add the intermediate certificates after the leaf, and use a name of the certificate "
            "in public_url; every device has to be told to trust a self-signed certificate",
        )
    of_name = f" for {name}" if name else "; set public_url to check its name, too"
    return ok("tls chain", f"clients with the usual root certificates accept it{of_name}")


def _handshake(
    client: ssl.SSLContext, server: ssl.SSLContext, name: str | None
) -> dict[str, object]:
    """Return the certificate. Raises ``SSLCertVerificationError`` if the client refuses it."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(client_side.getpeercert() or {})

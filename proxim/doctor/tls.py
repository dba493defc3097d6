"""Whether the certificate is one that a browser takes, and for how long.

The chain is shown to a client in this process, as it would be to a browser, through memory: that
finds whatever a client would find, and needs no port.
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
"""What expires within this time should have been renewed: at a third of Let's Encrypt's 90 days."""


def check(settings: Settings) -> Iterator[CheckResult]:
    """What is to be said of the certificate and its key."""
    cert, key = settings.tls_cert, settings.tls_key
    if cert is None or key is None:
        yield _without(settings)
        return
    try:
        server = load_certificate(cert, key)
    except InvalidSetting as problem:
        yield error(
            "tls",
            str(problem),
            "give the PEM chain, leaf first, and the key of that leaf, without a password "
            "(`openssl pkey -in encrypted.pem -out key.pem` takes it away)",
        )
        return
    yield _check_expiry(server, cert)
    yield _check_chain(server, urlsplit(settings.public_url or "").hostname)


def _without(settings: Settings) -> CheckResult:
    is_open = settings.lan or settings.host not in ("127.0.0.1", "::1", "localhost")
    if is_open and not (settings.public_url or "").startswith("https:"):
        return warning(
            "tls",
            "there is none: browsers use the camera and the clipboard only on https pages",
            "give tls_cert and tls_key, or stand behind a proxy and say so by public_url",
        )
    return ok("tls", "none of its own, and none is needed here")


def _check_expiry(server: ssl.SSLContext, cert: str) -> CheckResult:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    # The leaf itself is trusted, so that nothing but its dates can be wrong.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(cert)
    renew = "renew it, and let the node read it again"
    try:
        shown = _shake(client, server, None)
    except ssl.SSLCertVerificationError as problem:
        return error("tls expiry", f"the certificate is not good: {problem.verify_message}", renew)
    left = ssl.cert_time_to_seconds(str(shown["notAfter"])) - time.time()
    told = f"the certificate is good for {left / DAY:.0f} days more, until {shown['notAfter']}"
    return warning("tls expiry", told, renew) if left < SOON else ok("tls expiry", told)


def _check_chain(server: ssl.SSLContext, name: str | None) -> CheckResult:
    client = ssl.create_default_context()
    client.check_hostname = name is not None
    try:
        _shake(client, server, name)
    except ssl.SSLCertVerificationError as problem:
        return warning(
            "tls chain",
            f"clients with the usual roots refuse it: {problem.verify_message}",
            "put the intermediate certificates behind the leaf, and let the name in public_url "
            "be one of the certificate's; one of your own making has to be trusted on each device",
        )
    of_name = f" for {name}" if name else "; with public_url its name would be checked, too"
    return ok("tls chain", f"clients with the usual roots take it{of_name}")


def _shake(client: ssl.SSLContext, server: ssl.SSLContext, name: str | None) -> dict[str, object]:
    """What the client is shown. Raises ``SSLCertVerificationError`` when it does not take it."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(ours.getpeercert() or {})

"""The HTTP request of the commands."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

from proxim.protocol.errors import ConnectionLost, InvalidSetting
from proxim.redact import quote
from proxim.settings.checks import http_parts

TIMEOUT = 5.0
"""Seconds for the answer."""
_MAX_BYTES = 4 << 20


def metrics_url(node: str) -> str:
    """Return the URL of a node's metrics. Raises ``InvalidSetting``."""
    parts = http_parts(node if "://" in node else f"http://{node}")
    if parts is None:
        raise InvalidSetting(
            f"{quote(node)} is not the URL of a node such as http://127.0.0.1:8765"
        )
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/metrics')}/metrics"


def fetch(url: str, *, tls: ssl.SSLContext | None = None) -> str:
    """Return the body of ``url``. Raises ``ConnectionLost`` with the reason.

    ``tls`` verifies the certificate; by default, with the system's authorities.
    """
    # No proxy: the node is on this machine or in this network.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    try:
        with opener.open(url, timeout=TIMEOUT) as response:
            return str(response.read(_MAX_BYTES).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            body = error.read(300).decode("utf-8", "replace").strip()
        raise ConnectionLost(f"{url}: {error.code} {error.reason}: {body}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionLost(f"{url} cannot be read: {reason}", unreached=url) from None

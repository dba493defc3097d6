"""A plain HTTP request, as the commands make it."""

from __future__ import annotations

import ssl
import urllib.error
import urllib.request

from proxim.protocol.errors import ConnectionLost, InvalidSetting
from proxim.redact import shown
from proxim.settings.checks import http_parts

TIMEOUT = 5.0
"""Seconds in which a node has to answer."""
_MOST = 4 << 20


def metrics_url(node: str) -> str:
    """Where the figures of a node are, given its address. Raises ``InvalidSetting``."""
    parts = http_parts(node if "://" in node else f"http://{node}")
    if parts is None:
        raise InvalidSetting(f"{shown(node)} is no address of a node such as http://127.0.0.1:8765")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path.removesuffix('/metrics')}/metrics"


def fetch(url: str, *, tls: ssl.SSLContext | None = None) -> str:
    """What is there. Raises ``ConnectionLost`` with what to do about it.

    ``tls`` is by what a certificate is judged; by the system's authorities, without it.
    """
    # No proxy: what is asked for is this machine's, or this network's.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)
    )
    try:
        with opener.open(url, timeout=TIMEOUT) as response:
            return str(response.read(_MOST).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(300).decode("utf-8", "replace").strip()
        raise ConnectionLost(f"{url}: {error.code} {error.reason}: {said}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise ConnectionLost(f"{url} cannot be read: {reason}") from None

"""Whether a node can listen on the addresses of its settings."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

from proxim.doctor.result import CheckResult, error, ok, warning
from proxim.net.sockets import EVERYWHERE, claim
from proxim.settings import Settings, split_endpoint

_REMEDIES = {
    errno.EACCES: "choose a port from 1024 on, or grant CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "choose an address that this machine has; see `ip address`",
    errno.EADDRINUSE: "if the node itself uses the port, this is fine; otherwise stop the other "
    "program, or choose another port",
}


def check(settings: Settings) -> Iterator[CheckResult]:
    """Yield one result for each address to listen on."""
    # Without IPv6 the node listens on IPv4 alone, so IPv4 decides.
    everywhere = settings.lan or settings.host == EVERYWHERE
    yield _check("port", "0.0.0.0" if everywhere else settings.host, settings.port)
    if settings.metrics_listen is not None:
        yield _check("metrics_listen", *split_endpoint(settings.metrics_listen))


def _check(name: str, host: str, port: int) -> CheckResult:
    where = f"{host}:{port}" if ":" not in host else f"[{host}]:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as problem:
        return error(name, f"{host} is not an address: {problem.strerror}", f"correct {name}")
    family, _, _, _, address = found[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        claim(probe)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as problem:
            remedy = _REMEDIES.get(problem.errno or 0, "see the error of the system")
            if problem.errno == errno.EADDRINUSE:
                return warning(name, f"{where} is in use", remedy)
            return error(name, f"cannot listen on {where}: {problem.strerror}", remedy)
    return ok(name, f"can listen on {where}")

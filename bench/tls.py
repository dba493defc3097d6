"""What TLS costs a server, as ratios of CPU time.

The load generator has no TLS. So it loads a tunnel (``tunnel.py``) that makes a connection to the
server for each of its own, in turn by TLS and without. The tunnel's own time is not counted: only
the CPU time of the server is.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme
from load import load
from servers import (
    BENCH,
    HOST,
    LIFTED,
    LOAD_CORE,
    PEERJS,
    PROXIM,
    Running,
    Server,
    proxim,
    running,
)

WAYS = ("plain", "tls")
PAIRS = 50
AT_ONCE = 16


def certified(folder: Path) -> list[Server]:
    """Return the servers, with a certificate of their own that is made here."""
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    issued = trustme.CA().issue_cert(HOST)
    issued.cert_chain_pems[0].write_to_path(certificate)
    Path(key).touch(0o600)
    issued.private_key_pem.write_to_path(key)
    plain = PEERJS.command
    return [
        PROXIM._replace(command=proxim(*LIFTED, "--tls-cert", certificate, "--tls-key", key)),
        PEERJS._replace(
            command=lambda port: [*plain(port), "--sslcert", certificate, "--sslkey", key]
        ),
    ]


@contextmanager
def tunnelled(target: Running, way: str) -> Iterator[Running]:
    """Run a tunnel to a server; what is yielded has the tunnel's port and the server's process."""
    program, there = [sys.executable, BENCH / "tunnel.py"], str(target.port)
    tunnel = Server("tunnel", "", lambda port: [*program, str(port), there, way])
    with running(tunnel, LOAD_CORE) as entrance:
        yield target._replace(port=entrance.port)


def costs(seconds: float) -> Iterator[tuple[str, str, str, float]]:
    """Yield what was done, by which way and by which server, and its microseconds of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        for plain, secure in zip((PROXIM, PEERJS), certified(Path(folder)), strict=True):
            for server, way in zip((plain, secure), WAYS, strict=True):
                with running(server) as target, tunnelled(target, way) as entrance:
                    options = {"payload": "candidate", "seconds": seconds}
                    relayed = load(entrance, "relay", pairs=PAIRS, window=1, **options)
                    yield "a signal", way, server.name, relayed["cpu_us"]
                    cycled = load(entrance, "cycles", at_once=AT_ONCE, **options)
                    yield "a pairing", way, server.name, cycled["cpu_us"]

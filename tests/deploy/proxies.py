"""The proxies of docs/deploy, as they stand there but for their addresses, before a real node."""

import socket
import ssl
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from websockets.sync.client import connect

from tests.deploy import compose

DEPLOY = Path(__file__).parent.parent.parent / "docs" / "deploy"
NAME = "node.example"
PATIENCE = 60
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class Proxy:
    """One of them, running on a port that is reserved for it on both loopback addresses.

    ``timeout`` takes the place of the 90 s that silence may last.
    """

    def __init__(self, kind, folder, certificate, trusting, ports, timeout="90s"):
        self.port, node_port = ports
        self._trusting = trusting
        self._folder = folder
        chain, key, both = folder / "chain.pem", folder / "key.pem", folder / "both.pem"
        certificate.cert_chain_pems[0].write_to_path(chain)
        certificate.private_key_pem.write_to_path(key)
        certificate.private_key_and_cert_chain_pem.write_to_path(both)
        self._files = {"chain": str(chain), "key": str(key), "both": str(both)}
        self._swaps = {"127.0.0.1:8765": f"127.0.0.1:{node_port}", "90s": timeout}
        command = getattr(self, f"_{kind}")
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                command(),
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            )
        self._wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(PATIENCE)

    def _wait(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.dial().close()
            except OSError:
                log = (self._folder / "log").read_text()
                assert self.process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.02)

    # -- each of them ------------------------------------------------------------------------

    def _adapted(self, name, **swaps):
        """A file of docs/deploy with other addresses; what is to be swapped has to be there."""
        return self._swapped((DEPLOY / name).read_text(encoding="utf-8"), name, **swaps)

    def _swapped(self, text, name, **swaps):
        for old, new in {**self._swaps, **swaps}.items():
            assert old in text or old == "90s", f"{name}: there is no {old}"
            text = text.replace(old, new)
        return text

    def _nginx(self):
        live = f"/etc/letsencrypt/live/{NAME}"
        adapted = self._adapted(
            "nginx.conf",
            **{
                "listen 443": f"listen 127.0.0.1:{self.port}",
                "listen [::]:443": f"listen [::1]:{self.port}",
                f"{live}/fullchain.pem": self._files["chain"],
                f"{live}/privkey.pem": self._files["key"],
            },
        )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {self._folder}/{kind};\n" for kind in kinds)
        config = self._folder / "nginx.conf"
        config.write_text(
            f"daemon off;\npid {self._folder}/pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{temporary}{adapted}}}\n"
        )
        return ["nginx", "-e", "stderr", "-p", str(self._folder), "-c", str(config)]

    def _haproxy(self):
        config = self._folder / "haproxy.cfg"
        config.write_text(
            self._adapted(
                "haproxy.cfg",
                **{
                    "bind :::443 v4v6": f"bind 127.0.0.1:{self.port},[::1]:{self.port}",
                    f"/etc/haproxy/{NAME}.pem": self._files["both"],
                    # As many descriptors as that takes are not for everybody.
                    "maxconn 20000": "maxconn 100",
                },
            )
        )
        return ["haproxy", "-db", "-f", str(config)]

    def _caddy(self):
        return self._caddy_with((DEPLOY / "Caddyfile").read_text(encoding="utf-8"))

    def _compose(self):
        text = compose.load()["configs"]["caddyfile"]["content"]
        assert "reverse_proxy node:8765 {" in text
        return self._caddy_with(text.replace("node:8765", "127.0.0.1:8765"))

    def _caddy_with(self, text):
        here = f"https://{NAME}:{self.port} {{\n\tbind 127.0.0.1 ::1"
        tls = "\ttls {chain} {key}\n".format(**self._files)
        adapted = self._swapped(text, "Caddyfile", **{f"{NAME} {{": f"{here}\n{tls}"})
        config = self._folder / "Caddyfile"
        config.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{adapted}")
        return ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)]

    # -- its clients -------------------------------------------------------------------------

    def dial(self, source="127.0.0.1"):
        """A TCP connection from this address."""
        there = "::1" if ":" in source else "127.0.0.1"
        return socket.create_connection((there, self.port), PATIENCE, (source, 0))

    def get(self, path, source="127.0.0.1", **headers):
        """The status with which a request from this address is answered."""
        fields = {"Host": NAME, "Origin": f"https://{NAME}", **headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        with self._trusting.wrap_socket(self.dial(source), server_hostname=NAME) as stream:
            stream.sendall(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
            return int(stream.recv(4096).split()[1])

    def upgrade(self, source, **headers):
        """The status with which a WebSocket from this address is answered; it ends at once."""
        return self.get("/ws", source, **_UPGRADE, **headers)

    def client(self):
        """A browser's WebSocket."""
        return connect(
            f"wss://{NAME}/ws",
            sock=self.dial(),
            ssl=self._trusting,
            origin=f"https://{NAME}",
            ping_interval=None,
        )

    @contextmanager
    def held(self, source):
        """While this lasts, one WebSocket from this address is open."""
        with self._trusting.wrap_socket(self.dial(source), server_hostname=NAME) as stream:
            head = "".join(f"{name}: {value}\r\n" for name, value in _UPGRADE.items())
            stream.sendall(f"GET /ws HTTP/1.1\r\nHost: {NAME}\r\n{head}\r\n".encode())
            assert stream.recv(4096).split()[1] == b"101"
            yield


def trusting(authority):
    """What a client needs to trust the proxies."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context

"""A real TURN server on loopback, with the configuration in docs/howto/turn.md."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60


class Coturn:
    """A server on ``port`` at ``url``; it shares ``secret`` with a node."""

    def __init__(self, folder, port, config=None, address="127.0.0.1"):
        if config is None:
            page = (ROOT / "docs/howto/turn.md").read_text(encoding="utf-8")
            (config,) = re.findall(r"^```ini\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
        assert "listening-port=3478\n" in config
        self.secret = re.search(r"^static-auth-secret=(.*)$", config, re.MULTILINE)[1]
        self.address = address, port
        self.url = f"turn:{address}:{port}?transport=udp"
        own = {
            "listening-ip": address,
            "relay-ip": address,
            "listening-port": port,
            "pidfile": folder / "coturn.pid",
            "userdb": folder / "coturn.db",
        }
        lines = [f"{name}={value}\n" for name, value in own.items()]
        config = config.replace("listening-port=3478\n", "") + "".join(lines)
        self._config = folder / "turnserver.conf"
        # Only for a test on loopback, where both relayed addresses are.
        self._config.write_text(f"{config}allow-loopback-peers\nno-tls\nno-dtls\n")
        self._log = folder / "coturn.log"

    def __enter__(self):
        with self._log.open("wb") as log:
            command = ["turnserver", "-c", self._config, "--log-file=stdout", "--verbose"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(PATIENCE)

    @property
    def log(self):
        return self._log.read_text(errors="replace")

    def _answers(self):
        """Return whether it answers a STUN binding request (RFC 8489, section 5)."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.settimeout(0.5)
            try:
                probe.connect(self.address)
                probe.send(bytes.fromhex("000100002112a442") + os.urandom(12))
                return probe.recv(1500)[:2] == b"\x01\x01"
            except OSError:
                return False

"""A screen without a monitor, and what a camera reads on it."""

import os
import subprocess
from contextlib import contextmanager

PATIENCE = 60
"""Timeout in seconds."""

SIZE = (800, 700)


@contextmanager
def screen():
    """Run an X server, and yield the environment for programs on it."""
    command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]
    server = subprocess.Popen(
        [*command, f"{SIZE[0]}x{SIZE[1]}x24"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield {**os.environ, "DISPLAY": f":{server.stdout.readline().decode().strip()}"}
    finally:
        server.terminate()
        server.wait(PATIENCE)
        server.stdout.close()


def code_in(path):
    """Return what the QR code in a picture says, or nothing."""
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout.strip()

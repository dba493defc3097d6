"""A screen without a monitor, what can be seen on it, and a person before it."""

import os
import subprocess
import time
from contextlib import contextmanager

from PIL import Image, ImageChops, ImageGrab

PATIENCE = 60
"""Seconds after which something that was to come does not come any more."""

SIZE = (800, 700)


class Screen:
    """A running X server."""

    def __init__(self, display):
        self.display = display
        self.environ = {**os.environ, "DISPLAY": display}

    def see(self):
        """What is on it now."""
        return ImageGrab.grab(xdisplay=self.display)

    def wait_for(self, find):
        """What ``find`` makes of a picture of it, as soon as that is anything."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = find(self.see())
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError("it does not come to be seen")

    def click(self, place):
        self._do("mousemove", *place, "click", "1")

    def type(self, key, place):
        """Press a key while the pointer is there: no window manager gives the keys to others."""
        self._do("mousemove", *place, "key", key)

    def _do(self, *what):
        subprocess.run(["xdotool", *map(str, what)], env=self.environ, check=True, timeout=PATIENCE)


@contextmanager
def screen():
    """A screen of its own for who needs one."""
    command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0"]
    server = subprocess.Popen(
        [*command, f"{SIZE[0]}x{SIZE[1]}x24"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield Screen(f":{server.stdout.readline().decode().strip()}")
    finally:
        server.terminate()
        server.wait(PATIENCE)
        server.stdout.close()


def code_in(picture, folder):
    """What the QR code in a picture says, or nothing."""
    path = folder / "screen.png"
    picture.save(path)
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", path],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stdout.strip()


def middle_of(picture, colour):
    """The middle of what has that colour, or nothing."""
    plain = Image.new("RGB", picture.size, colour)
    difference = ImageChops.difference(picture.convert("RGB"), plain).convert("L")
    box = difference.point(lambda value: 0 if value else 255).getbbox()
    if box is None:
        return None
    left, upper, right, lower = box
    return (left + right) // 2, (upper + lower) // 2

"""What stands in for `msvcrt`: keys of a terminal of Linux, given as Windows gives them.

They come one by one and unechoed, and Enter is a carriage return. Ctrl-C stays a signal.
"""

import atexit
import fcntl
import os
import select
import sys
import termios

_FD = 0
_unread = ""


def _take_keys_alone():
    before, keys = termios.tcgetattr(_FD), termios.tcgetattr(_FD)
    keys[0] &= ~termios.ICRNL
    keys[3] &= ~(termios.ICANON | termios.ECHO)
    keys[6][termios.VMIN], keys[6][termios.VTIME] = 1, 0
    termios.tcsetattr(_FD, termios.TCSANOW, keys)
    atexit.register(termios.tcsetattr, _FD, termios.TCSANOW, before)


if os.isatty(_FD):
    _take_keys_alone()


def kbhit():
    """Whether a key waits."""
    return bool(_unread) or bool(select.select([_FD], [], [], 0)[0])


def getwch():
    """The next key; a character beyond U+FFFF is two, the halves of its UTF-16 form."""
    global _unread
    if not _unread:
        units = _character().encode("utf-16-le")
        _unread = "".join(
            units[at : at + 2].decode("utf-16-le", "surrogatepass")
            for at in range(0, len(units), 2)
        )
    key, _unread = _unread[0], _unread[1:]
    return {"\n": "\r", "\x7f": "\b", "\x04": "\x1a"}.get(key, key)


def putwch(char):
    """Write a character at the cursor."""
    os.write(sys.stdout.fileno(), char.encode("utf-8", "replace"))


def _character():
    data = os.read(_FD, 1)
    if not data:
        return "\x1a"
    while True:
        try:
            return data.decode()
        except UnicodeDecodeError:
            data += os.read(_FD, 1)


LK_NBLCK = 2


def locking(descriptor, mode, _size):
    """Lock a file, as `locking` of Windows does; raise `OSError` if it is locked."""
    assert mode == LK_NBLCK
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""Run an example as ``python example.py`` does, and say what it leaves behind, on stderr."""

import contextlib
import json
import os
import runpy
import sys
import threading
import time

PATIENCE = 40
"""Seconds; the threads in which Trio reads and writes files stay for ten, those in which Qt draws
for thirty: each has an event loop, whose descriptor is an eventfd."""


def in_use():
    """The names of the threads, and what the descriptors lead to."""
    threads = sorted(thread.name for thread in threading.enumerate())
    descriptors = {}
    # Other systems than Linux do not say.
    for each in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        # One is that of the listing itself, and gone.
        with contextlib.suppress(FileNotFoundError):
            descriptors[each] = os.readlink(f"/proc/self/fd/{each}")
    return threads, descriptors


def warm_up(command):
    """Have what stays open for the whole of a process opened before anything is counted."""
    if "tk_host.py" in command:
        import tkinter

        root = tkinter.Tk()
        root.after(10, root.destroy)
        root.mainloop()
    if "qt_host.py" in command:
        from PySide6.QtWidgets import QApplication

        QApplication([]).shutdown()
    if "tk_host.py" in command or "qt_host.py" in command:
        import proxim.rtc.connection  # noqa: F401


def left_behind(before):
    threads, descriptors = in_use()
    return [each for each in threads if each not in before[0]] + [
        where for number, where in descriptors.items() if before[1].get(number) != where
    ]


sys.argv = sys.argv[1:]
warm_up(" ".join(sys.argv))
before = in_use()
runpy.run_path(sys.argv[0], run_name="__main__")
deadline = time.monotonic() + PATIENCE
while left_behind(before) and time.monotonic() < deadline:
    time.sleep(0.01)
print(json.dumps(left_behind(before)), file=sys.stderr)

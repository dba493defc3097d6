"""The signals that ask a command to end."""

from __future__ import annotations

import signal
import sys

SIGNALS = [signal.SIGINT, signal.SIGTERM]
"""Ctrl-C and ``kill``; on Windows also Ctrl-Break, and a console that is closed."""

if sys.platform == "win32":
    SIGNALS.append(signal.SIGBREAK)

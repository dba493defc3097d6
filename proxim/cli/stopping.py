"""The signals that stop a command."""

from __future__ import annotations

import signal
import sys

SIGNALS = [signal.SIGINT, signal.SIGTERM]
"""Ctrl-C and ``kill``; on Windows also Ctrl-Break and closing the console."""

if sys.platform == "win32":
    SIGNALS.append(signal.SIGBREAK)

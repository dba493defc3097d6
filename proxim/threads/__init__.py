"""A node in its own thread, for programs that do not run Trio: Qt, Tk, asyncio, scripts."""

from proxim.threads.node import ThreadNode, run_in_thread
from proxim.threads.session import ThreadPrompt, ThreadSession

__all__ = ["ThreadNode", "ThreadPrompt", "ThreadSession", "run_in_thread"]

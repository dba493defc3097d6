"""A node in its own thread, for programs that do not run Trio: Qt, Tk, asyncio, scripts."""

from proxim.sync import HostSession as ThreadSession
from proxim.sync import Prompt as ThreadPrompt
from proxim.threads.node import ThreadNode, run_in_thread

__all__ = ["ThreadNode", "ThreadPrompt", "ThreadSession", "run_in_thread"]

"""Chat and files with the other side of a session, as the pages and the terminal have them.

It is what docs/reference/channel.md asks of a side: chat goes over the channel, or through the node
while there is none, and files go over the channel alone.
"""

from proxim.talk.chat import Chat
from proxim.talk.direct import PATIENCE, Direct
from proxim.talk.listener import Listener
from proxim.talk.talk import Talk

__all__ = ["PATIENCE", "Chat", "Direct", "Listener", "Talk"]


def __dir__() -> list[str]:
    return __all__

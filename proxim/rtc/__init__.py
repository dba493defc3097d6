"""The channel to the other side of a session, by WebRTC: ``channel = await session.channel()``.

aiortc does WebRTC in a thread of its own (``loop``). Everything that this package exports is for
Trio, and imports neither aiortc nor asyncio.
"""

from proxim.rtc.channel import Channel, DataChannel, Path

__all__ = ["Channel", "DataChannel", "Path"]

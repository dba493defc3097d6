"""A guest in Python: a data channel with a host in a browser, by aiortc.

    python aiortc_guest.py [--relay-only] 'http://127.0.0.1:8765/join#…'

It asks to pair, waits for the yes, opens the WebRTC connection that the host page offers, says
hello and answers what it hears. With --relay-only nothing goes to the other side but through the
TURN server that the node names. Written from docs/reference/protocol.md, and from what
docs/howto/browser.md says of the browser SDK's signals; it uses nothing of Proxim itself.

Needs: pip install 'aiortc>=1.16' websockets
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from typing import Any

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCIceTransportPolicy,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp
from websockets.asyncio.client import ClientConnection, connect

Message = dict[str, Any]


class Guest:
    """One seat, and the WebRTC connection that belongs to it."""

    def __init__(
        self, node: ClientConnection, session_id: str, ice_servers: list[Message], relay_only: bool
    ) -> None:
        self.node = node
        self.session_id = session_id
        self.ice_servers = ice_servers
        self.policy = RTCIceTransportPolicy.RELAY if relay_only else RTCIceTransportPolicy.ALL
        self.other = ""
        self.begin()

    def begin(self) -> None:
        """Make a connection, with a name of its own."""
        servers = [RTCIceServer(**server) for server in self.ice_servers]
        self.name = secrets.token_hex(4)
        self.pc = RTCPeerConnection(RTCConfiguration(servers, iceTransportPolicy=self.policy))
        self.pc.on("datachannel", greet)

    async def say(self, **rtc: object) -> None:
        """Send a signal to the host."""
        data = {"rtc": {"from": self.name, **({"to": self.other} if self.other else {}), **rtc}}
        signal = {"type": "signal", "session_id": self.session_id, "data": data}
        await self.node.send(json.dumps(signal))

    async def hear(self, rtc: Message) -> None:
        """Take in a signal of the host."""
        if rtc.get("to", self.name) != self.name:
            return
        if rtc["from"] != self.other:
            if self.other:
                await self.pc.close()
                self.begin()
            self.other = rtc["from"]
        if rtc.get("description"):
            await self.pc.setRemoteDescription(RTCSessionDescription(**rtc["description"]))
            await self.pc.setLocalDescription(await self.pc.createAnswer())
            # aiortc has gathered its candidates by now: they are in the answer.
            answer = self.pc.localDescription
            await self.say(description={"type": answer.type, "sdp": answer.sdp})
        elif rtc.get("candidate") and rtc["candidate"]["candidate"]:
            told = rtc["candidate"]
            candidate = candidate_from_sdp(told["candidate"].removeprefix("candidate:"))
            candidate.sdpMid = told["sdpMid"]
            candidate.sdpMLineIndex = told["sdpMLineIndex"]
            await self.pc.addIceCandidate(candidate)


def greet(channel: Any) -> None:
    """Say hello on a channel that the host has opened, and echo what comes."""

    @channel.on("message")
    def echo(text: str) -> None:
        print(f"host: {text}", flush=True)
        channel.send(f"You said: {text}")

    channel.send("Hello from Python")
    print("connected", flush=True)


async def main(link: str, relay_only: bool) -> None:
    """Pair by a link, and stay until the session ends."""
    url, _, secret = link.partition("/join#")
    session_id, _, token = secret.partition(".")
    async with connect(f"{url.replace('http', 'ws', 1)}/ws") as node:
        ask = {
            "type": "pair_request",
            "session_id": session_id,
            "token": token,
            "device_info": {"name": "Python", "id": secrets.token_hex(8)},
        }
        await node.send(json.dumps(ask))
        guest: Guest | None = None
        async for frame in node:
            message = json.loads(frame)
            match message["type"]:
                case "pair_pending":
                    print("The host is being asked.", flush=True)
                    if "code" in message:
                        print(f"It needs this number: {message['code']}", flush=True)
                case "pair_result" if message["status"] == "approved":
                    guest = Guest(node, session_id, message["ice_servers"], relay_only)
                    await guest.say()
                case "signal" if guest and "rtc" in message["data"]:
                    await guest.hear(message["data"]["rtc"])
                case "error":
                    sys.exit(f"{message['code']}: {message['message']}")
                case "session_ended":
                    print(f"over: {message['reason']}", flush=True)
                    break
        if guest:
            await guest.pc.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[-1], "--relay-only" in sys.argv))

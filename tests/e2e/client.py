"""A client written from the protocol page alone, and a node started as a process."""

import json
import re
import select
import signal
import subprocess
import sys
import time
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.wire import checked

Message = dict[str, Any]

#: What each message of the node must hold.
SHAPES = {
    "welcome": "protocol server approval_timeout max_message_bytes",
    "registered": "uuid sessions",
    "session_created": "session pair_within",
    "link_renewed": "session_id pair_within",
    "sessions": "sessions",
    "pair_prompt": "session_id device_info expires_in",
    "pair_pending": "session_id resume_token expires_in",
    "pair_ack": "session_id seal",
    "contested": "session_id",
    "pair_result": "session_id status device_info",
    "resumed": "session host_online",
    "signal": "session_id data",
    "ice_servers": "session_id ice_servers ttl",
    "pong": "",
    "peer_online": "session_id",
    "peer_offline": "session_id",
    "session_ended": "session_id status reason",
    "error": "code message",
}
SESSION = {"session_id", "uuid", "session_type", "created_at", "expires_at", "status"} | {
    "device_info",
    "host_online",
    "guest_online",
}
PHONE = {"name": "Ada's phone", "id": "phone-1"}


APPROVAL, QR_TTL, INTRODUCTION = 0.5, 1, 2
"""Times of the quick node, in seconds."""

PATIENCE = 60
"""Seconds to wait for what has to come; long, since a busy machine may be slow."""


class Node:
    """A node of its own process, on a free port."""

    def __init__(
        self,
        *options: str,
        port: int = 0,
        approval: float = 30,
        qr_ttl: float = 60,
        sweep: float = 60,
        log: IO[str] | int = subprocess.DEVNULL,
    ):
        settings = {"approval-timeout": approval, "qr-ttl": qr_ttl, "sweep-interval": sweep}
        timing = [part for name, value in settings.items() for part in (f"--{name}", str(value))]
        self.peers: list[Peer] = []
        self.terminated = False
        self.process = self._start(["serve", "--port", str(port), *timing, *options], log)
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        self.banner = self.process.stdout.readline().rstrip() if ready else ""
        found = re.search(r"^Proxim (\S+) is at https?://\S+$", self.banner)
        if found is None:
            self.stop()
            raise AssertionError(f"no address on the first line: {self.banner!r}")
        # With a public URL the second line of the greeting says where the node listens.
        local = self.process.stdout.readline() if "--public-url" in options else self.banner
        self.version, self.port = found[1], int(local.rstrip().rpartition(":")[2])

    def _start(self, arguments: list[str], log: IO[str] | int) -> "subprocess.Popen[str]":
        program = str(Path(sys.executable).with_name("proxim"))
        return subprocess.Popen(
            [program, *arguments], stdout=subprocess.PIPE, stderr=log, text=True
        )

    def peer(self, **options: Any) -> "Peer":
        """A new connection, its welcome taken."""
        url = f"ws://127.0.0.1:{self.port}/ws"
        peer = Peer(url, **options)
        self.peers.append(peer)
        peer.welcome = peer.expect("welcome")
        return peer

    def host(self, uuid: str = "desk-1", **fields: Any) -> "Peer":
        """A new connection that has registered; without a key the node makes one."""
        peer = self.peer()
        peer.registered = peer.ask("registered", "register", uuid=uuid, **fields)
        peer.key = fields.get("key") or peer.registered["key"]
        return peer

    def close_peers(self) -> None:
        for peer in self.peers:
            peer.leave()
        self.peers.clear()

    def terminate(self) -> None:
        """One SIGTERM, however often it is asked for."""
        if self.process.poll() is None and not self.terminated:
            self.terminated = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End the process; its exit code."""
        self.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            if self.process.stdout is not None:
                self.process.stdout.close()


class Peer:
    """One connection; what arrives before it is asked for is kept in order."""

    key: str
    welcome: Message
    registered: Message

    def __init__(self, url: str, **options: Any):
        self.held = ExitStack()
        options.setdefault("open_timeout", PATIENCE)
        self.ws = self.held.enter_context(connect(url, close_timeout=2, **options))
        self.inbox: deque[Message] = deque()
        self.refs = 0
        self.frames: list[str] = []  # all frames as they came

    def send(self, kind: str, **fields: Any) -> None:
        self.ws.send(json.dumps({"type": kind, **fields}))

    def ask(self, reply: str, kind: str, **fields: Any) -> Message:
        """Send a request with a `ref` of its own and take its reply, wherever it stands."""
        self.refs += 1
        ref = f"r{self.refs}"
        self.send(kind, ref=ref, **fields)
        for _ in range(1000):
            message = self._receive(PATIENCE)
            if message.get("ref") == ref:
                assert message["type"] == reply, message
                return message
            self.inbox.append(message)
        raise AssertionError("no reply among 1000 messages")

    def refused(self, code: str, kind: str, **fields: Any) -> Message:
        """Send a request and take the error that answers it."""
        error = self.ask("error", kind, **fields)
        assert error["code"] == code, error
        return error

    def expect(self, kind: str, timeout: float = PATIENCE, **fields: Any) -> Message:
        """The next message, which has to be this one."""
        message = self.inbox.popleft() if self.inbox else self._receive(timeout)
        assert message["type"] == kind, message
        assert {name: message.get(name) for name in fields} == fields, message
        return message

    def wait_for(self, kind: str, **fields: Any) -> None:
        """Wait until a message like this one has come; it and what came before stay unread."""
        wanted = {"type": kind, **fields}
        while not any(wanted == {name: each.get(name) for name in wanted} for each in self.inbox):
            self.inbox.append(self._receive(PATIENCE))

    def quiet(self) -> None:
        """Nothing has come that was not taken: the next message answers a ping."""
        self.ask("pong", "ping")
        assert not self.inbox, list(self.inbox)

    def closed(self, timeout: float = PATIENCE) -> int | None:
        """Wait for the node to close; the code. Nothing may come before it."""
        assert not self.inbox, list(self.inbox)
        try:
            raise AssertionError(f"not closed, but {self.ws.recv(timeout)!r}")
        except ConnectionClosed as end:
            return end.rcvd.code if end.rcvd else None

    def leave(self) -> None:
        self.held.close()

    def _receive(self, timeout: float) -> Message:
        frame = self.ws.recv(timeout)
        assert isinstance(frame, str), "each message is one text frame"
        self.frames.append(frame)
        message = json.loads(frame)
        assert set(SHAPES[message["type"]].split()) <= set(message), message
        return checked(message)

    # What a host does

    def create(self, session_type: str = "persistent", **fields: Any) -> Message:
        if session_type == "temporary":
            fields.setdefault("ttl", 60)
        return self.ask("session_created", "create_session", session_type=session_type, **fields)

    def decide(self, session_id: str, approve: bool = True, **fields: Any) -> Message:
        fields |= {"session_id": session_id, "approve": approve}
        return self.ask("pair_result", "pair_decision", **fields)

    def sessions(self) -> dict[str, Message]:
        found = self.ask("sessions", "list_sessions")["sessions"]
        return {session["session_id"]: session for session in found}

    # What a guest does

    def pair(self, created: Message, device_info: Message = PHONE) -> Message:
        session_id, token = unlink(created["link"])
        fields = {"session_id": session_id, "token": token, "device_info": device_info}
        return self.ask("pair_pending", "pair_request", **fields)


def unlink(link: str) -> tuple[str, str]:
    """The session's id and the token out of a link."""
    session_id, token = link.partition("/join#")[2].split(".")
    return session_id, token


class Pair:
    """A host and a guest of one session, the prompt up."""

    def __init__(self, node: Node, session_type: str = "persistent", **fields: Any):
        self.node = node
        self.host = node.host()
        self.created = self.host.create(session_type, **fields)
        self.id: str = self.created["session"]["session_id"]
        self.guest = node.peer()
        self.asked = time.monotonic()
        self.pending = self.guest.pair(self.created)
        self.resume_token: str = self.pending["resume_token"]
        self.prompt = self.host.expect("pair_prompt", session_id=self.id)

    def approve(self) -> "Pair":
        self.host.decide(self.id)
        self.guest.expect("pair_result", session_id=self.id, status="approved")
        return self

    def ended(self, status: str, reason: str, timeout: float = PATIENCE) -> None:
        """Both sides hear the same last word, once."""
        for side in (self.host, self.guest):
            side.expect("session_ended", timeout, session_id=self.id, status=status, reason=reason)
        for side in (self.host, self.guest):
            side.quiet()

    def expired(self, reason: str, *sides: "Peer", timeout: float = PATIENCE) -> None:
        """A prompt that ended in no decision: each side hears so, once."""
        for side in sides or (self.host, self.guest):
            side.expect("pair_result", timeout, session_id=self.id, status="expired")
            side.expect("session_ended", session_id=self.id, status="expired", reason=reason)
            side.quiet()

    def resume(self, reply: str = "resumed") -> Message:
        """The guest on a new connection."""
        self.guest = self.node.peer()
        fields = {"session_id": self.id, "resume_token": self.resume_token}
        return self.guest.ask(reply, "resume", **fields)

    def register(self) -> Message:
        """The host on a new connection; its session."""
        self.host = self.node.host(key=self.host.key)
        return self.host.sessions()[self.id]

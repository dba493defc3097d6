"""The stage of a sealed case: the scripted node is honest, and the scripted peer has the keys."""

from __future__ import annotations

import json
import secrets
from collections import deque
from typing import Any

import trio

from proxim.conform.case import Nonconforming, Role
from proxim.conform.client import Client
from proxim.conform.node import Fields, ScriptedNode, Wire
from proxim.conform.stage import PHONE, Stage
from proxim.protocol.errors import InvalidLink
from proxim.protocol.messages import SessionType
from proxim.protocol.tokens import encode
from proxim.sealing.answer import Terms
from proxim.sealing.box import Kind, seal_box
from proxim.sealing.encoding import Role as ScriptedRole
from proxim.sealing.guest import SealedGuest
from proxim.sealing.host import Asked, SealedHost, new_link
from proxim.sealing.keys import code_of, link_secrets
from proxim.sealing.link import parse_sealed_link
from proxim.sealing.peer import Sealed, SealedPeer

SEALED_DEVICE = {"name": "Sealed device", "id": "conform-1"}


class SealedStage(Stage):
    """A stage whose session is sealed.

    ``host`` is the peer of a guest under test, ``guest`` that of a host. ``peer`` is theirs once
    the session is approved. ``secret`` is that of the session, and ``answer`` the host's decision.
    """

    is_sealed = True
    device = SEALED_DEVICE

    host: SealedHost
    guest: SealedGuest
    peer: SealedPeer
    secret: bytes
    answer: str

    def __init__(self, role: Role, node: ScriptedNode, client: Client) -> None:
        super().__init__(role, node, client)
        keys = new_link()
        self.token = link_secrets(keys.seed).token
        self.host = SealedHost(self.session_id, keys)
        self.sealed_link = self.host.link(node.url)
        self.ack = ""
        self.tells_seal = True
        self.hellos: list[Sealed] = []
        self.heard: deque[Any] = deque()

    @property
    def link(self) -> str:
        """The link of the session, which only host and guest have."""
        return str(self.sealed_link)

    def session(self, **fields: Any) -> Fields:
        """Return the session object."""
        return super().session(**({"seal": 1} if self.tells_seal else {}), **fields)

    # -- a guest --

    async def asks(self, **welcome: Any) -> Wire:
        """Have the guest ask to pair, and open its request."""
        wire = await super().asks(**welcome)
        verdict = self.host.take_prompt(self.request.get("seal"), trio.current_time())
        if not isinstance(verdict, Asked):
            raise Nonconforming("`pair_request.seal` does not open")
        if verdict.name != PHONE["name"]:
            raise Nonconforming(f"the name in the seal is {verdict.name!r}")
        pending = self.host.state.pending
        assert pending is not None
        self.secret, self.ack = pending.secret, verdict.ack
        self.code = code_of(pending.secret, pending.own.public)
        return wire

    async def acks(self, wire: Wire, seal: str | None = None) -> None:
        """Send `pair_ack`; by default the host's own."""
        await wire.say("pair_ack", session_id=self.session_id, seal=seal or self.ack)

    async def prompted(self) -> Wire:
        """Have the guest ask, and show the number of the host's ack."""
        wire = await self.asks()
        await self.pending(wire)
        await self.acks(wire)
        await self.shows_code()
        return wire

    async def shows_code(self) -> None:
        """Wait until the guest shows the number."""
        await self.client.told("code", code=self.code)

    def decide(self, yes: bool = True, *, left: float | None = None) -> str:
        """Return the host's sealed decision."""
        terms = Terms("Conform host", SessionType(self.session_type), left)
        decide = self.host.approve_unchecked if yes else self.host.decline
        self.answer = decide(terms).seal
        if self.host.peer is not None:
            self.peer = self.host.peer
            self.resumed = {"ack": self.ack, "seal": self.answer}
        return self.answer

    # -- a host --

    async def creates(self, wire: Wire, **session: Any) -> Fields:
        """Answer the host's `create_session`, and return it."""
        request = await super().creates(wire, **session)
        if request.get("seal") != 1:
            raise Nonconforming("`create_session.seal` is missing; right is 1")
        if not request.get("token_hash"):
            raise Nonconforming("`create_session.token_hash` is missing: the host makes the token")
        if request.get("confirm") not in (None, "none"):
            raise Nonconforming("a sealed session has no `confirm`")
        return request

    async def shows_link(self) -> None:
        """Take the link that the host shows; its token has to be that of the last request."""
        text = str((await self.client.told("link")).get("link"))
        try:
            self.sealed_link = parse_sealed_link(text)
        except InvalidLink as error:
            raise Nonconforming(f"the host shows {text!r}: {error}") from None
        if self.sealed_link.session_id != self.session_id:
            raise Nonconforming("the link that the client shows has another session id")
        if link_secrets(self.sealed_link.seed).token_hash != self.request["token_hash"]:
            raise Nonconforming("`token_hash` is not that of the link")

    def new_request(self, name: str = PHONE["name"]) -> str:
        """Return the seal of a guest that asks by the link."""
        self.guest = SealedGuest.ask(self.sealed_link, name)
        self.secret = self.guest.state.secret
        return self.guest.state.seal

    async def prompts(self, wire: Wire, **fields: Any) -> None:
        """Ask the host; it acknowledges the request, and tells the name that is in the seal."""
        await super().prompts(wire, **fields or {"seal": self.new_request()})
        await self.takes_ack(wire)

    async def takes_ack(self, wire: Wire) -> None:
        """Wait for the host's ack; it has to be the same each time."""
        message = await wire.expect("pair_ack")
        self.check(message)
        if not self.guest.take_ack(message["seal"]):
            raise Nonconforming("`pair_ack.seal` does not open")
        if self.ack not in ("", message["seal"]):
            raise Nonconforming("`pair_ack.seal` is another one than before")
        self.ack = message["seal"]
        self.code = self.guest.code or ""

    async def takes_decision(self, wire: Wire, *, approve: bool) -> None:
        """Wait for the host's sealed decision."""
        message = await wire.expect("pair_decision")
        self.check(message, approve=approve)
        self.answer = message.get("seal") or ""
        answer = self.guest.take_answer(self.answer, is_approved=approve)
        if answer is None or answer.approved is not approve:
            raise Nonconforming(f"`pair_decision.seal` does not open, or does not say {approve}")
        if self.guest.peer is not None:
            self.peer = self.guest.peer

    async def rejects(self, wire: Wire) -> None:
        """Wait until the host has rejected a request that it could not open; it asks nobody."""
        message = await wire.expect("pair_decision")
        self.check(message, approve=False, seal=None)
        await self.client.tells_none("prompt", 0.1)

    # -- either --

    async def approved(self) -> Wire:
        """Bring the client into an approved session; return its connection."""
        if self.role is Role.GUEST:
            wire = await self.prompted()
            self.decide()
        else:
            wire = await self.opens()
            await self.prompts(wire)
            await self.decides(True, self.code)
            await self.takes_decision(wire, approve=True)
        await self.approve(wire, seal=self.answer)
        return wire

    async def signal(self, wire: Wire, data: Any) -> None:
        """Send a sealed signal of the peer to the client."""
        await self.puts(wire, self.sealed(data))

    def sealed(self, data: Any) -> Sealed:
        """Return the next sealed signal of the peer."""
        return self.peer.seal(json.dumps(data, ensure_ascii=False).encode())

    async def puts(self, wire: Wire, data: Any) -> None:
        """Send this, as it is, as the data of a signal."""
        await super().signal(wire, data)

    async def hears(self, wire: Wire, data: Any) -> None:
        """Wait for a sealed signal of the client with this value, the next of its epoch."""
        if not self.heard and await self._receives(wire):
            raise Nonconforming("the client sent a hello; right is a signal")
        if (value := self.heard.popleft()) != data:
            raise Nonconforming(f"the value in a signal is {value!r}; right is {data!r}")

    async def agrees(self, wire: Wire, *, may_send: bool = False) -> Sealed:
        """Answer the client's hellos until there is a new epoch; return the first of them.

        Only a client that ``may_send`` may send signals of the epoch before meanwhile.
        """
        first: Sealed = {}
        while not first or not self.peer.is_ready:
            hello = await self._receives(wire)
            if not hello and not may_send:
                raise Nonconforming("the client sent a signal before the new epoch")
            first = first or hello
        return first

    async def _receives(self, wire: Wire) -> Sealed:
        """Take a signal of the client; return it if it is a hello, after an answer if it needs one.

        The value of another signal is kept for ``hears``.
        """
        message = await wire.expect("signal")
        self.check(message)
        received = self.peer.receive(json.dumps(message["data"]).encode(), trio.current_time())
        if received.notice is not None:
            raise Nonconforming(f"the client sent a signal that does not open ({received.notice})")
        if received.missed:
            raise Nonconforming(f"{received.missed} numbers are missing before a signal")
        if received.send is not None:
            self.hellos.append(received.send)
            await self.puts(wire, received.send)
        if received.data is None:
            hello: Sealed = message["data"]
            return hello
        self.heard.append(json.loads(bytes(received.data)))
        return {}

    async def returns(self) -> Wire:
        """Return the client's next connection once it has its seat; it says hello next."""
        return await super().comes_back()

    async def comes_back(self) -> Wire:
        """Return the client's next connection once it has its seat, and a new epoch."""
        wire = await self.returns()
        # It may have sealed them just before it lost the connection.
        await self.agrees(wire, may_send=True)
        return wire

    async def finds_tampered(self, wire: Wire) -> None:
        """Wait until the client has ended the session as tampered, without taking it for approved.

        A guest leaves. A host rejects, or ends the session.
        """
        await self.client.told("ended", reason="tampered")
        await self.client.tells_none("approved", 0.1)
        if (await wire.expect_end("close_session", "pair_decision")).get("approve"):
            raise Nonconforming("the client approved, although something was tampered with")

    def box(self, kind: Kind, text: bytes) -> str:
        """Return a box of the peer with this text, right or wrong."""
        role: ScriptedRole = "h" if self.role is Role.GUEST else "g"
        return encode(seal_box(self.secret, kind, role, text, secrets.token_bytes))


def forged(kind: Kind, text: bytes, role: ScriptedRole = "h") -> str:
    """Return a box under a secret that is not the session's."""
    return encode(seal_box(secrets.token_bytes(32), kind, role, text, secrets.token_bytes))

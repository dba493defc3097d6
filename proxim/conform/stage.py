"""The stage of a case: a session, and the usual ways to bring the client into it."""

from __future__ import annotations

import secrets
from typing import Any

from proxim.conform.case import Nonconforming, Role
from proxim.conform.client import Client
from proxim.conform.node import Fields, ScriptedNode, Wire, now

PHONE = {"name": "Conform phone", "id": "conform-1"}
EXPIRES_IN = 40.0
SERVERS = [{"urls": ["stun:127.0.0.1:9"]}]


class Stage:
    """A scripted node, the client under test, and one session between them."""

    is_sealed = False
    device = PHONE
    """The guest as the node knows it."""

    def __init__(self, role: Role, node: ScriptedNode, client: Client) -> None:
        self.role = role
        self.node = node
        self.client = client
        self.session_id = secrets.token_urlsafe(16)
        self.token = secrets.token_urlsafe(32)
        self.resume_tokens = [secrets.token_urlsafe(48)]
        self.session_type = "persistent"
        self.register: Fields = {}
        self.ice_ttl = 3600.0
        self.request: Fields = {}
        self.is_peer_online = True
        self.resumed: Fields = {}
        """Further fields of `resumed`."""

    @property
    def link(self) -> str:
        """The link of the session, at the scripted node."""
        return f"{self.node.url}/join#{self.session_id}.{self.token}"

    def session(self, **fields: Any) -> Fields:
        """Return the session object."""
        return {
            "session_id": self.session_id,
            "uuid": self.register.get("uuid", "conform-host"),
            "session_type": self.session_type,
            "created_at": now(),
            "expires_at": None,
            "status": "pending",
            "device_info": None,
            "host_online": True,
            "guest_online": self.role is Role.GUEST,
            **fields,
        }

    # -- a guest --

    async def asks(self, **welcome: Any) -> Wire:
        """Have the guest ask to pair; return its connection after the request."""
        await self.client.do("pair", link=self.link, name=PHONE["name"])
        wire = await self.node.connection(**welcome)
        self.request = await wire.expect("pair_request")
        self.check(self.request, token=self.token)
        return wire

    async def pending(self, wire: Wire, **fields: Any) -> None:
        """Tell the guest that the host is asked."""
        await wire.answer(
            "pair_pending",
            session_id=self.session_id,
            resume_token=self.resume_tokens[-1],
            expires_in=EXPIRES_IN,
            session_type=self.session_type,
            **fields,
        )

    async def resumes(self, wire: Wire, **fields: Any) -> None:
        """Let the guest have its seat again, with the successor of its token."""
        message = await wire.expect("resume")
        if message["resume_token"] not in self.resume_tokens:
            raise Nonconforming("the client resumed with a token that it was never given")
        self.check(message)
        self.resume_tokens.append(secrets.token_urlsafe(48))
        await wire.answer(
            "resumed",
            session=self.session(**{"status": "approved", "device_info": self.device} | fields),
            host_online=self.is_peer_online,
            resume_token=self.resume_tokens[-1],
            **self.resumed,
        )

    # -- a host --

    async def asks_to_open(self, confirm: str = "none") -> None:
        """Have the host open a session."""
        fields = {"type": self.session_type, "confirm": confirm, "sealed": self.is_sealed}
        await self.client.do("open", node=self.node.url, **fields)

    async def registers(self, *, confirm: str = "none", **welcome: Any) -> Wire:
        """Have the host open a session; return its connection once it has registered."""
        await self.asks_to_open(confirm)
        wire = await self.node.connection(**welcome)
        self.register = await wire.expect("register")
        self.register["key"] = self.register.get("key") or secrets.token_urlsafe(24)
        await wire.answer(
            "registered",
            uuid=self.register["uuid"],
            key=self.register["key"],
            sessions=[],
        )
        return wire

    async def creates(self, wire: Wire, **session: Any) -> Fields:
        """Answer the host's `create_session`, and return it. The host then tells its link."""
        self.request = request = await wire.expect("create_session")
        if request["session_type"] != self.session_type:
            raise Nonconforming(
                f"the session type is {request['session_type']}; right is {self.session_type}"
            )
        fields = {"session": self.session(**session), "pair_within": 300.0}
        await wire.answer("session_created", **fields, **self._link_fields(request))
        return request

    async def renews(self, wire: Wire, *, within: float) -> Fields:
        """Answer the host's `renew_link` with a new link."""
        request = await wire.expect("renew_link", within=within)
        self.check(request)
        self.token = secrets.token_urlsafe(32)
        fields = {"session_id": self.session_id, "pair_within": 300.0}
        await wire.answer("link_renewed", **fields, **self._link_fields(request))
        return request

    def _link_fields(self, request: Fields) -> Fields:
        if request.get("token_hash"):
            return {}
        return {"link": self.link, "token": self.token}

    async def opens(self) -> Wire:
        """Have the host open a session and show its link."""
        wire = await self.registers()
        await self.creates(wire)
        await self.shows_link()
        return wire

    async def shows_link(self) -> None:
        """Wait until the host shows a link."""
        await self.client.told("link")

    async def prompts(self, wire: Wire, **fields: Any) -> None:
        """Ask the host, and wait until its client tells so."""
        await self.say_prompt(wire, **fields)
        await self.client.told("prompt", name=PHONE["name"])

    async def say_prompt(self, wire: Wire, **fields: Any) -> None:
        """Send `pair_prompt`."""
        prompt = {"device_info": self.device, "expires_in": EXPIRES_IN, **fields}
        await wire.say("pair_prompt", session_id=self.session_id, **prompt)

    async def decides(self, approve: bool, code: str | None = None) -> None:
        """Have the person at the host answer the prompt."""
        await self.client.do("decide", approve=approve, code=code)

    async def registers_again(self, wire: Wire, **session: Any) -> None:
        """Let the host have its seat again; it has to be the same owner."""
        again = await wire.expect("register")
        if (again["uuid"], again.get("key")) != (self.register["uuid"], self.register["key"]):
            raise Nonconforming(
                "the client registered again as another owner; right are the same uuid and the "
                "same key, also if the node made it"
            )
        fields = {"status": "approved", "device_info": self.device} | session
        session = self.session(**{"guest_online": self.is_peer_online} | fields)
        await wire.answer("registered", uuid=again["uuid"], sessions=[session])

    # -- either --

    async def approved(self) -> Wire:
        """Bring the client into an approved session; return its connection."""
        if self.role is Role.GUEST:
            wire = await self.asks()
            await self.pending(wire)
        else:
            wire = await self.opens()
            await self.prompts(wire)
            await self.decides(True)
            self.check(await wire.expect("pair_decision"), approve=True)
        await self.approve(wire)
        return wire

    async def approve(self, wire: Wire, **fields: Any) -> None:
        """Tell the client that the guest is approved, and wait until it tells so."""
        await self.say_result(wire, "approved", ice_servers=SERVERS, ice_ttl=self.ice_ttl, **fields)
        await self.client.told("approved")

    async def say_result(self, wire: Wire, status: str, **fields: Any) -> None:
        """Send `pair_result`."""
        result = {"session_id": self.session_id, "status": status, "device_info": self.device}
        await wire.answer("pair_result", **result, **fields)

    async def end(self, wire: Wire, reason: str, status: str = "expired") -> None:
        """Send `session_ended`."""
        await wire.answer("session_ended", session_id=self.session_id, status=status, reason=reason)

    async def signal(self, wire: Wire, data: Any) -> None:
        """Send a signal of the peer to the client."""
        await wire.say("signal", session_id=self.session_id, data=data)

    async def hears(self, wire: Wire, data: Any) -> None:
        """Wait for a signal of the client with this value."""
        self.check(await wire.expect("signal"), data=data)

    async def relays(self, wire: Wire, data: Any) -> None:
        """Send a signal of the peer, and wait until the client tells it."""
        await self.signal(wire, data)
        await self.client.told("signal", data=data)

    async def comes_back(self) -> Wire:
        """Return the client's next connection once it has its seat again."""
        wire = await self.node.connection()
        await (self.resumes(wire) if self.role is Role.GUEST else self.registers_again(wire))
        return wire

    def check(self, message: Fields, **expected: Any) -> None:
        """Raise ``Nonconforming`` unless the message is for this session, with these fields."""
        for name, value in {"session_id": self.session_id, **expected}.items():
            if message.get(name) != value:
                raise Nonconforming(
                    f"`{message['type']}.{name}` is {message.get(name)!r}; right is {value!r}"
                )

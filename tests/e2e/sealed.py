"""A host and a guest of one sealed session, who seal by the reference at raw connections."""

import json
from typing import Any

from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Terms
from proxim.sealing.guest import SealedGuest
from proxim.sealing.host import Asked, SealedHost, new_link

from .client import Message, Node

OUTSIDE = {"name": "Sealed device", "id": "random"}
"""What the node hears of the guest."""


class SealedPair:
    """A host at one node and a guest at another or the same; the prompt is up, the ack is told."""

    def __init__(
        self,
        at: Node,
        guest_at: Node | None = None,
        session_type: str = "persistent",
        *,
        host_name: str = "Desk",
        guest_name: str = "Phone",
        **host: Any,
    ):
        self.host_name, self.session_type = host_name, session_type
        self.host = at.host(**host)
        keys = new_link()
        fields = {"seal": 1, "token_hash": keys.token_hash}
        self.created = self.host.create(session_type, **fields)
        self.id: str = self.created["session"]["session_id"]
        self.sealed_host = SealedHost(self.id, keys)
        link = self.sealed_host.link("https://node.example")
        self.sealed_guest = SealedGuest.ask(link, guest_name)
        self.guest = (guest_at or at).peer()
        self.pending = self.guest.ask("pair_pending", "pair_request", **self.request())
        self.resume_token: str = self.pending["resume_token"]
        self.prompt = self.host.expect("pair_prompt", session_id=self.id)
        self.acknowledge(self.prompt)
        self.ack = self.guest.expect("pair_ack", session_id=self.id)["seal"]
        assert self.sealed_guest.take_ack(self.ack)

    def request(self, **fields: Any) -> Message:
        """The fields of the guest's ``pair_request``."""
        state = self.sealed_guest.state
        asked = {"token": state.token, "seal": state.seal, "device_info": OUTSIDE}
        return {"session_id": self.id, **asked, **fields}

    def acknowledge(self, prompt: Message) -> str:
        """Send the ack for a prompt; return the name that the guest has sealed."""
        verdict = self.sealed_host.take_prompt(prompt["seal"], 0)
        assert isinstance(verdict, Asked)
        self.host.send("pair_ack", session_id=self.id, seal=verdict.ack)
        return verdict.name

    def approve(self) -> "SealedPair":
        terms = Terms(self.host_name, SessionType(self.session_type), None)
        decision = self.sealed_host.approve(self.sealed_guest.code or "", terms)
        self.host.decide(self.id, seal=decision.seal)
        result = self.guest.expect("pair_result", session_id=self.id, status="approved")
        self.take_answer(result["seal"])
        return self

    def take_answer(self, seal: str) -> None:
        answer = self.sealed_guest.take_answer(seal, is_approved=True)
        assert answer is not None
        assert answer.terms.name == self.host_name

    def say(self, data: object) -> None:
        """A signal of each side reaches the other, sealed."""
        host, guest = self.sealed_host.peer, self.sealed_guest.peer
        assert host is not None
        assert guest is not None
        sides = ((self.host, host, self.guest, guest), (self.guest, guest, self.host, host))
        for sender, seals, receiver, opens in sides:
            sealed = seals.seal(json.dumps(data).encode())
            sender.send("signal", session_id=self.id, data=sealed)
            heard = receiver.expect("signal", session_id=self.id)["data"]
            opened = opens.receive(json.dumps(heard).encode(), 0).data
            assert opened is not None
            assert json.loads(bytes(opened)) == data

"""The guest's side of a sealed pairing (sealing: What the guest checks)."""

from __future__ import annotations

import secrets

import msgspec
from msgspec import Struct, structs

from proxim.protocol.tokens import encode
from proxim.sealing.answer import Answer, open_answer
from proxim.sealing.ask import RETURN, seal_ask
from proxim.sealing.box import open_box
from proxim.sealing.device import DeviceKey
from proxim.sealing.encoding import DoesNotOpen, Draw, decode
from proxim.sealing.keys import code_of, exchange, link_secrets, new_pair, pair_of
from proxim.sealing.link import SealedLink
from proxim.sealing.peer import Received, SealedPeer


class GuestState(Struct, frozen=True):
    """What a guest keeps until the answer, to go on after a reload: all of it is secret.

    ``token`` and ``seal`` are the fields of its ``pair_request``, which it sends again unchanged if
    no ``pair_pending`` came.
    """

    token: str
    seal: str
    secret: bytes
    private: bytes
    host_key: bytes | None = None


class SealedGuest:
    """Asks to pair by a sealed link, shows the number, and believes only the host's own answer.

    ``code`` is the number that the person at the host types in; None until the host's ack has
    opened. ``peer`` is the session's other part once the host has approved.
    """

    def __init__(self, state: GuestState, *, draw: Draw = secrets.token_bytes) -> None:
        self.state = state
        self.peer: SealedPeer | None = None
        self._draw = draw
        self._is_restored = False

    @classmethod
    def ask(
        cls,
        link: SealedLink,
        name: str,
        *,
        device: DeviceKey | None = None,
        ticket: bytes | None = None,
        draw: Draw = secrets.token_bytes,
    ) -> SealedGuest:
        """Return a guest with a request to send, signed by ``device``, with its ``ticket``, if any.

        Raises ``ValueError`` if the name is not allowed or the key in the link is not a key.
        """
        own = new_pair(draw)
        seal, secret = seal_ask(link, name, own.public, draw, device=device, ticket=ticket)
        token = link_secrets(link.seed).token
        return cls(GuestState(token, seal, secret, own.private), draw=draw)

    @classmethod
    def restore(cls, state: GuestState) -> SealedGuest:
        """Return the guest of a state that was stored, and that another program may have, too."""
        guest = cls(state)
        guest._is_restored = True
        return guest

    @property
    def code(self) -> str | None:
        """The number to show, three digits; None before the ack."""
        host_key = self.state.host_key
        return None if host_key is None else code_of(self.state.secret, host_key)

    def take_ack(self, ack: str) -> bool:
        """Take the ``seal`` of ``pair_ack`` or ``resumed.ack``; return whether it opens.

        The first one that opens counts. Store ``state`` again afterwards.
        """
        try:
            key = open_box(self.state.secret, "ack", "h", decode(ack))
            exchange(self.state.private, key)
        except DoesNotOpen:
            return False
        if self.state.host_key is None:
            self.state = structs.replace(self.state, host_key=key)
        return self.state.host_key == key

    def take_answer(self, seal: str | None, *, is_approved: bool) -> Answer | None:
        """Return the host's answer in ``pair_result`` or ``resumed``; None if it does not open.

        ``is_approved`` is what the node says. The guest is approved only if the answer says so,
        too; then ``peer`` is set. Show a rejection without an answer as not confirmed by the host.
        """
        try:
            answer = open_answer(self.state.secret, decode(seal or ""))
        except DoesNotOpen:
            return None
        if answer.approved and is_approved:
            self.peer = self._new_peer()
        return answer

    def _new_peer(self) -> SealedPeer:
        peer = SealedPeer("g", self.state.secret, draw=self._draw)
        if self.state.host_key is not None:
            own = pair_of(self.state.private)
            peer.adopt(own, self.state.host_key, is_shared=self._is_restored)
        return peer


def take_return(peer: SealedPeer, seal: str | None, now: float) -> Received:
    """Take the host's ``pair_result.seal`` for a guest that comes back; ``now`` is in seconds.

    The guest is approved if ``peer`` is ready then. What it returns has a hello to send.
    """
    return peer.receive(msgspec.json.encode({"s": 1, "h": seal or ""}), now)


def return_seal(peer: SealedPeer) -> str:
    """Return the ``pair_request.seal`` of a guest that comes back to a session opened again."""
    return encode(bytes([RETURN]) + peer.start_box())

"""The seals of a prompt, which a session carries and cannot open (protocol: Sealed sessions)."""

from __future__ import annotations

from msgspec import Struct, structs

from proxim.protocol import tokens
from proxim.protocol.errors import BadMessage, NotAllowed


class Seals(Struct, frozen=True, omit_defaults=True):
    """What the two sides of a sealed session have sealed for one prompt.

    ``request`` is the guest's, while the prompt is open, and ``digest`` its SHA-256. ``ack`` and
    ``answer`` are the host's, kept for a guest that comes back.
    """

    digest: bytes
    request: str = ""
    ack: str = ""
    answer: str = ""

    @classmethod
    def of(cls, request: str) -> Seals:
        """Return the seals of a prompt that has just begun."""
        return cls(tokens.digest(request), request)

    def are_of(self, request: str) -> bool:
        """Return whether the seal of a request is the one of this prompt."""
        return tokens.matches(request, self.digest)

    def with_ack(self, ack: str) -> Seals:
        """Return the seals with the host's ack. Raises ``NotAllowed`` if there is another one."""
        if self.ack not in ("", ack):
            raise NotAllowed("this prompt has an ack, and the first one counts")
        return structs.replace(self, ack=ack)

    def with_answer(self, answer: str) -> Seals:
        """Return the seals that stay after the host's decision."""
        return structs.replace(self, request="", answer=answer)


def check_seal(seal: str | None, is_sealed: bool) -> None:
    """Raise ``BadMessage`` unless a message has a seal exactly if its session is sealed."""
    if is_sealed and seal is None:
        raise BadMessage(
            "`seal` is missing: this session is sealed, and needs a program that seals"
        )
    if seal is not None and not is_sealed:
        raise BadMessage("`seal` must be left out: this session is not sealed")

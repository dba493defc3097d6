"""The host's side of a sealed pairing (sealing: What the host checks)."""

from __future__ import annotations

import hmac
import re
import secrets
from contextlib import suppress
from enum import StrEnum
from typing import NamedTuple

from msgspec import Struct

from proxim.protocol.tokens import encode
from proxim.sealing.answer import Gone, Terms, seal_answer
from proxim.sealing.ask import FIRST, RETURN, Ask, open_ask
from proxim.sealing.box import seal_box
from proxim.sealing.device import Grant, Visitor
from proxim.sealing.encoding import KEY_BYTES, DoesNotOpen, Draw, decode
from proxim.sealing.keys import (
    KeyPair,
    code_of,
    exchange,
    link_secrets,
    new_pair,
    pair_of,
    reopen_hash,
)
from proxim.sealing.link import SealedLink
from proxim.sealing.peer import SealedPeer

_CODE = re.compile(r"[1-9][0-9]{2}")


class LinkKeys(NamedTuple):
    """The secrets of one link. The node learns the ``token_hash`` only."""

    seed: bytes
    private: bytes

    @property
    def token_hash(self) -> str:
        """The ``token_hash`` for ``create_session`` and ``renew_link``."""
        return link_secrets(self.seed).token_hash


def new_link(draw: Draw = secrets.token_bytes) -> LinkKeys:
    """Return the secrets of a new link."""
    return LinkKeys(draw(KEY_BYTES), draw(KEY_BYTES))


class Asked(NamedTuple):
    """Ask the person about ``name``, and send ``ack`` as ``pair_ack`` at once.

    ``is_new`` is false if the same request came again, as after ``register``: the prompt is the
    same, and the ``ack`` too.
    """

    name: str
    ack: str
    is_new: bool


class Returned(NamedTuple):
    """Approve with ``seal`` without a question: the guest was approved before."""

    seal: str


class Refused(StrEnum):
    """Reject; the person does not need to be asked."""

    TAMPERED = "tampered"
    """The request was stripped or replaced on its way. Close the session, too."""
    DOES_NOT_OPEN = "does_not_open"
    """It is not a request for this link. It does not count as a denial."""


class Unknown(NamedTuple):
    """Another program of the owner has the keys: do nothing, and say so."""


Verdict = Asked | Returned | Refused | Unknown


class _Pending(NamedTuple):
    """A request that waits for its decision; ``visitor`` is the device that has signed it."""

    secret: bytes
    own: KeyPair
    guest_key: bytes
    visitor: Visitor | None = None


class Decision(NamedTuple):
    """The fields of ``pair_decision``; ``approve`` is false if the number was wrong."""

    approve: bool
    seal: str


class HostState(Struct, frozen=True):
    """What a host keeps to go on in a later program: all of it is secret."""

    keys: list[LinkKeys]
    seal: str | None = None
    asked: Asked | None = None
    pending: _Pending | None = None
    decision: Decision | None = None
    secret: bytes | None = None


class SealedHost:
    """The keys of one session's links, and the one request that it opens.

    ``peer`` is there once the guest is approved. ``secret``, of a session that was approved before
    a reload, is None for a new one.
    """

    def __init__(
        self,
        session_id: str,
        keys: LinkKeys | None = None,
        *,
        secret: bytes | None = None,
        draw: Draw = secrets.token_bytes,
    ) -> None:
        self.session_id = session_id
        self.peer = None if secret is None else SealedPeer("h", secret, draw=draw)
        self._draw = draw
        self._keys = [] if keys is None else [keys]
        self._seal: str | None = None
        self._asked: Asked | None = None
        self._returned: tuple[str, Returned] | None = None
        self._pending: _Pending | None = None
        self._is_pending_restored = False
        self._decision: Decision | None = None

    @classmethod
    def restore(
        cls, session_id: str, state: HostState, *, draw: Draw = secrets.token_bytes
    ) -> SealedHost:
        """Return the host of an earlier program's ``state``."""
        host = cls(session_id, secret=state.secret, draw=draw)
        host._keys = list(state.keys)
        host._seal, host._asked = state.seal, state.asked
        host._pending, host._decision = state.pending, state.decision
        host._is_pending_restored = True
        return host

    @property
    def state(self) -> HostState:
        """What to store after each change, where the host's key is stored."""
        return HostState(
            list(self._keys),
            self._seal,
            self._asked,
            self._pending,
            self._decision,
            None if self.peer is None else self.peer.secret,
        )

    @property
    def guest_name(self) -> str | None:
        """The name of the guest whose request was opened; None before."""
        return None if self._asked is None else self._asked.name

    @property
    def visitor(self) -> Visitor | None:
        """The device that has signed the request which waits for a decision, if it names one."""
        return None if self._pending is None else self._pending.visitor

    @property
    def guest_key(self) -> bytes:
        """The guest's key for epoch 0. Raises ``ValueError`` if no request waits."""
        return self._need_pending().guest_key

    @property
    def has_keys(self) -> bool:
        """Whether this side has keys of a link."""
        return bool(self._keys)

    @property
    def reopening_hash(self) -> str | None:
        """The ``token_hash`` with which the session may be opened again (sealing: Coming back).

        An approved one has a token of its own for that, and a link that nobody has used keeps its
        token. None after a request: a photo of the code must stay worthless.
        """
        if self.peer is not None:
            return reopen_hash(self.peer.secret)
        return self._keys[0].token_hash if self._keys and self._seal is None else None

    def link(self, node_url: str) -> SealedLink:
        """Return the link to show, the latest that is confirmed.

        Raises ``ValueError`` if this side has no keys for one.
        """
        if not self._keys:
            raise ValueError("this session has no link that this side could open")
        keys = self._keys[0]
        host_key = pair_of(keys.private).public
        return SealedLink(node_url, self.session_id, keys.seed, host_key)

    def renew(self) -> LinkKeys:
        """Return the secrets of a new link, for ``renew_link``.

        Those before are kept until ``renewed``: the answer may be lost, and either link be valid.
        """
        self._keys.append(new_link(self._draw))
        return self._keys[-1]

    def renewed(self, keys: LinkKeys) -> None:
        """Forget all links before that of ``keys``, after its ``link_renewed``."""
        if keys in self._keys:
            del self._keys[: self._keys.index(keys)]

    def take_prompt(self, seal: str | None, now: float) -> Verdict:
        """Return what to do about the ``seal`` of a ``pair_prompt``; ``now`` is in seconds."""
        if self._asked is not None and seal == self._seal:
            return self._asked._replace(is_new=False)
        if self._returned is not None and seal == self._returned[0]:
            return self._returned[1]
        if self._seal is None and self.peer is None and not self._keys:
            return Unknown()
        if seal is None:
            return Refused.TAMPERED
        try:
            verdict = self._open(decode(seal), now)
        except DoesNotOpen:
            has_opened = self._seal is not None or self._returned is not None
            return Refused.TAMPERED if has_opened else Refused.DOES_NOT_OPEN
        if isinstance(verdict, Asked):
            self._seal, self._asked = seal, verdict
        else:
            # The guest keeps the name of its first request: this one has none.
            self._returned = seal, verdict
        return verdict

    def is_right(self, code: str) -> bool:
        """Return whether a person has typed the right number. Tell it to nobody before deciding.

        Raises ``ValueError`` if ``code`` does not have three digits.
        """
        if not _CODE.fullmatch(code):
            raise ValueError("a code has three digits, 100 to 999")
        asked = self._need_pending()
        expected = code_of(asked.secret, asked.own.public)
        return hmac.compare_digest(code.encode(), expected.encode())

    def approve(self, code: str, terms: Terms, known: Grant | bytes | None = None) -> Decision:
        """Return the decision of a person who typed ``code``: a wrong one is a rejection.

        ``known`` is the grant of a guest that the host remembers. Raises ``ValueError`` if ``code``
        does not have three digits, and decides nothing then.
        """
        is_right = self.is_right(code)
        return self._decide(is_right, terms, known if is_right else None)

    def approve_unchecked(self, terms: Terms, known: Grant | bytes | None = None) -> Decision:
        """Return the decision of a host that approves every guest, without a number.

        ``known`` is the next ticket of a known device.
        """
        return self._decide(True, terms, known)

    def decline(self, terms: Terms, gone: Gone | None = None) -> Decision:
        """Return the decision of a person who says no, or why the device is not known any more."""
        return self._decide(False, terms, gone=gone)

    def decision(self) -> Decision | None:
        """Return the decision that was made, to send it again after a reconnect."""
        return self._decision

    def _open(self, content: bytes, now: float) -> Asked | Returned:
        kind, rest = content[:1], content[1:]
        if kind == bytes([RETURN]) and self.peer is not None:
            box = self.peer.answer_box(rest, now)
            if box is not None:
                return Returned(encode(box))
        if kind == bytes([FIRST]):
            for keys in reversed(self._keys):
                with suppress(DoesNotOpen):
                    return self._ask(open_ask(content, self.session_id, keys.seed, keys.private))
        raise DoesNotOpen

    def _ask(self, ask: Ask) -> Asked:
        own = new_pair(self._draw)
        exchange(own.private, ask.key)
        ack = seal_box(ask.secret, "ack", "h", own.public, self._draw)
        self._pending = _Pending(ask.secret, own, ask.key, ask.visitor)
        self._is_pending_restored = False
        self._keys.clear()
        return Asked(ask.name, encode(ack), True)

    def _need_pending(self) -> _Pending:
        if self._pending is None:
            raise ValueError("no request waits for a decision")
        return self._pending

    def _decide(
        self,
        approve: bool,
        terms: Terms,
        known: Grant | bytes | None = None,
        gone: Gone | None = None,
    ) -> Decision:
        secret, own, guest_key, _ = self._need_pending()
        box = seal_answer(secret, approve, terms, self._draw, known, gone)
        if approve:
            self.peer = SealedPeer("h", secret, draw=self._draw)
            self.peer.adopt(own, guest_key, is_shared=self._is_pending_restored)
        self._pending = None
        self._decision = Decision(approve, encode(box))
        return self._decision

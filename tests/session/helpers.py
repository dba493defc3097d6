"""A session with its host and guest, a clock to move, and the messages to each of them."""

import math
from datetime import UTC, datetime

from msgspec import Raw

from proxim.protocol import messages as wire
from proxim.protocol import tokens
from proxim.protocol.codec import error_message
from proxim.protocol.messages import DeviceInfo, SessionType
from proxim.session import events as ev
from proxim.session.events import Admit, CloseLine, OpenLine, Refuse, Reply, Role, Tell, Terms
from proxim.session.ice import no_ice_servers, with_ice_servers
from proxim.session.session import Session

HOST, GUEST = Role
ONE_TIME, PERSISTENT, TEMPORARY = SessionType

START = 1000.0
BORN = datetime(2026, 11, 22, 8, tzinfo=UTC)
WINDOW, QR_TTL, TTL = 40.0, 300.0, 600.0
TOKEN, RESUME, ID = "right-token", "right-resume-token", "session-id"
CODE, OTHER_CODE = "482", "483"
DEVICE = DeviceInfo(name="Phone", id="phone-1")
REQUEST_SEAL, OTHER_SEAL, ACK, ANSWER = "request-seal", "other-seal", "ack-seal", "answer-seal"

_SENT_BY = dict.fromkeys(
    (ev.HostJoined, ev.HostAcknowledged, ev.HostDecided, ev.RenewalRequested), HOST
)
_LEAVING = {ev.HostLeft: HOST, ev.GuestLeft: GUEST}


class Meeting:
    """A session, with the seats of its host and its guest.

    Each method hands an event to the session, and returns the reply to its sender, or None.
    """

    def __init__(
        self,
        kind=ONE_TIME,
        *,
        ttl=TTL,
        confirm="none",
        sealed=False,
        host_name="",
        link_ttl=None,
        **terms,
    ):
        self.now = START
        self.session = Session.open(
            session_id=ID,
            uuid="desk",
            session_type=kind,
            ttl=ttl if kind is TEMPORARY else None,
            token_hash=tokens.digest(TOKEN),
            created_at=BORN,
            now=START,
            terms=Terms(**terms),
            confirm=confirm,
            sealed=sealed,
            host_name=host_name,
            link_ttl=link_ttl,
        )
        self.seats = {HOST}
        self.line = False
        self.heard = {HOST: [], GUEST: []}
        self.effects = []

    def hand(self, event, sender=None):
        self.effects = self.session.handle(event, self.now)
        sender = getattr(event, "sender", _SENT_BY.get(type(event), sender))
        self.seats.discard(_LEAVING.get(type(event)))
        reply = None
        for effect in self.effects:
            match effect:
                case Admit(role):
                    self.seats.add(role)
                    sender = role
                case Reply(message, lifetime):
                    assert reply is None, "two replies to one request"
                    reply = _with_ice(message, lifetime)
                    if sender is not None:
                        self.heard[sender].append(reply)
                case Refuse(error):
                    assert reply is None, "two replies to one request"
                    reply = error_message(error)
                    if sender is not None:
                        self.heard[sender].append(reply)
                case Tell(role, message, lifetime) if role in self.seats:
                    self.heard[role].append(_with_ice(message, lifetime))
                case OpenLine() | CloseLine():
                    self.line = isinstance(effect, OpenLine)
        return reply

    def asks(self, token=TOKEN, code=CODE, seal=..., resume_token=RESUME):
        """Ask to pair, with the seal that the session needs if no other is given."""
        seal = self._needed(REQUEST_SEAL) if seal is ... else seal
        return self.hand(ev.PairRequested(token, DEVICE, resume_token, code, seal))

    def cancels(self):
        return self.hand(ev.PairCancelled(), GUEST)

    def acknowledges(self, seal=ACK):
        return self.hand(ev.HostAcknowledged(seal))

    def comes(self, role, resume_token=RESUME, successor=None):
        asks_back = ev.ResumeRequested(resume_token, successor)
        return self.hand(ev.HostJoined() if role is HOST else asks_back)

    def leaves(self, role):
        return self.hand(ev.HostLeft() if role is HOST else ev.GuestLeft())

    def decides(self, approve=True, code=None, seal=...):
        seal = self._needed(ANSWER) if seal is ... else seal
        return self.hand(ev.HostDecided(approve, code, seal))

    def _needed(self, seal):
        return seal if self.session.sealed else None

    def renews(self, token):
        return self.hand(ev.RenewalRequested(ev.Invitation(tokens.digest(token), token=token)))

    def signals(self, sender, *numbers):
        return [self.hand(ev.SignalSent(sender, Raw(b"%d" % number))) for number in numbers]

    def asks_ice(self, sender):
        return self.hand(ev.IceRequested(), sender)

    def closes(self, sender):
        return self.hand(ev.CloseRequested(sender))

    def waits(self, seconds):
        """Move the clock, and fire the timer."""
        self.now += seconds
        return self.hand(ev.TimePassed())

    def told(self, role, kind):
        """Return all messages of a kind to a role."""
        return [message for message in self.heard[role] if isinstance(message, kind)]

    def signals_to(self, role):
        return [int(bytes(signal.data)) for signal in self.told(role, wire.Signal)]

    def ending(self, role):
        """Return the reason of the end that a role was told, or None."""
        endings = self.told(role, wire.SessionEnded)
        assert len(endings) <= 1, "told twice"
        return endings[0].reason if endings else None


def _with_ice(message, lifetime):
    return message if lifetime is None else with_ice_servers(message, no_ice_servers(lifetime))


def asked(kind=ONE_TIME, **terms):
    meeting = Meeting(kind, **terms)
    meeting.asks()
    return meeting


def approved(kind=ONE_TIME, **terms):
    meeting = asked(kind, **terms)
    meeting.decides()
    return meeting


def ended(kind=ONE_TIME, **terms):
    meeting = approved(kind, **terms)
    meeting.closes(HOST)
    return meeting


def code(reply):
    """Return the wire code of a refusal; None for any other reply."""
    return reply.code if isinstance(reply, wire.Error) else None


def just_before(moment):
    return math.nextafter(moment, -math.inf)

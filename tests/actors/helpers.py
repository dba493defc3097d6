"""A node without sockets, its clients, and the host and guest of one session."""

import trio
from msgspec import Raw
from trio.testing import wait_all_tasks_blocked

from proxim.actors.backend import Backend
from proxim.actors.invitations import Invitations
from proxim.actors.limits import LimitSettings, NodeLimits
from proxim.actors.router import Router, leave_seats
from proxim.actors.supervisor import Supervisor
from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import RequestError
from proxim.protocol.messages import DeviceInfo, IceServer, SessionType
from proxim.session.events import Role, Terms
from proxim.session.ice import IceGrant
from proxim.session.session import Session

HOST, GUEST = Role
ONE_TIME, PERSISTENT, TEMPORARY = SessionType

KEY, OTHER_KEY = "k" * 43, "o" * 43
WRONG = "wrong-token"
DEVICE = DeviceInfo(name="Phone", id="phone-1")
ICE = IceServer(urls="turn:relay.example", username="u", credential="c")


NO_LIMITS = LimitSettings(sessions_per_owner=0, max_sessions=0, prompts_per_host=0)


class Client:
    """A connection without a socket, which records what its client would read.

    Messages after the close are in ``missed``. ``patience`` is the time limit in seconds for
    sending a message.
    """

    patience = 1.0

    def __init__(self, router, address=None, networks=()):
        self.seats = {}
        self.owner = None
        self.address, self.networks = address, networks
        self.told, self.missed, self.times = [], [], []
        self.close_code = None
        self.has_left = False
        self._router = router

    def tell(self, message):
        message = codec.decode_node(codec.encode(message))
        if self.closed:
            self.missed.append(message)
        else:
            self.told.append(message)
            self.times.append(trio.current_time())

    def tell_backlog(self, message):
        """Record a signal of the backlog like any message."""
        self.tell(message)

    async def wait_for_room(self):
        """Return at once: this connection has no bound."""

    def close(self, code=1000, reason=""):
        if not self.closed:
            self.close_code = code
            leave_seats(self)

    async def sends(self, message):
        """Send a message; return as soon as the next one could be sent."""
        frame = codec.encode(message)
        try:
            with trio.fail_after(self.patience):
                await self._router.route(self, codec.decode_client(frame))
        except RequestError as error:
            address = codec.reference_of(frame)
            error.session_id = error.session_id or address.session_id
            self.tell(codec.error_message(error, address.ref))

    async def asks(self, message):
        """Send a message, wait until all tasks wait, and return the last message received."""
        before = len(self.told)
        await self.sends(message)
        await wait_all_tasks_blocked()
        return self.told[-1] if len(self.told) > before else None

    async def registers(self, key=KEY, uuid="desk"):
        return await self.asks(wire.Register(uuid=uuid, key=key))

    async def lists(self):
        return (await self.asks(wire.ListSessions())).sessions

    async def signals(self, session_id, *numbers):
        for number in numbers:
            data = Raw(b"%d" % number)
            await self.sends(wire.Signal(session_id=session_id, data=data, ref=str(number)))

    def heard(self, kind):
        """Return all messages of a kind."""
        return [message for message in self.told if isinstance(message, kind)]

    def when(self, kind):
        """Return the moments at which messages of a kind arrived."""
        return [at for at, it in zip(self.times, self.told, strict=True) if isinstance(it, kind)]

    @property
    def closed(self):
        return self.close_code is not None

    @property
    def numbers(self):
        """The numbers of the signals, in order."""
        return [int(bytes(signal.data)) for signal in self.heard(wire.Signal)]

    @property
    def endings(self):
        """The reasons of the ``session_ended`` messages."""
        return [ending.reason for ending in self.heard(wire.SessionEnded)]


class Node:
    """A router and a supervisor. Replace ``drawing`` by an event to delay the QR code."""

    def __init__(
        self,
        *,
        access_token=None,
        require_seal=False,
        sweep_interval=30.0,
        limit_settings=NO_LIMITS,
        connections_per_address=0,
        make_backend=Backend,
        observer=None,
        notify=lambda _: None,
        **terms,
    ):
        self.supervisor = Supervisor(
            terms=Terms(**terms),
            limits=NodeLimits(limit_settings, connections_per_address),
            sweep_interval=sweep_interval,
            ice=lambda ttl, peer: IceGrant([ICE], ttl / 2),
            observer=observer,
            notify=notify,
            make_backend=make_backend,
        )
        self.drawing = trio.Event()
        self.drawing.set()
        self.drawn = 0
        self.router = Router(
            self.supervisor,
            Invitations("https://node.example", self._draw_qr),
            access_token,
            require_seal=require_seal,
        )

    async def _draw_qr(self, link, _address):
        self.drawn += 1
        await self.drawing.wait()
        return f"<svg>{link}</svg>"

    def connect(self, address=None, networks=()):
        return Client(self.router, address, networks)

    async def host(self, key=KEY, uuid="desk"):
        host = self.connect()
        await host.registers(key, uuid)
        return host

    async def invites(self, kind=PERSISTENT, host=None, ttl=None):
        """Return a pending session with its host."""
        return await Meeting(self, host or await self.host()).open(kind, ttl)

    async def prompts(self, kind=PERSISTENT, **options):
        """Return a session whose host is prompted."""
        meeting = await self.invites(kind, **options)
        await meeting.ask()
        return meeting

    async def pairs(self, kind=PERSISTENT, **options):
        """Return an approved session."""
        meeting = await self.prompts(kind, **options)
        await meeting.decide()
        return meeting


class Meeting:
    """One session, with its present host and guest."""

    def __init__(self, node, host):
        self.node = node
        self.host = host
        self.guest = node.connect()

    @property
    def actor(self):
        return self.node.supervisor.find(self.id)

    @property
    def lines(self):
        return [seat.line is not None for seat in self.actor.seats.values()]

    async def open(self, kind, ttl):
        ttl = 600.0 if kind is TEMPORARY and ttl is None else ttl
        created = await self.host.asks(wire.CreateSession(session_type=kind, ttl=ttl))
        self.id, self.token = created.session.session_id, created.token
        return self

    def pair_request(self):
        return wire.PairRequest(session_id=self.id, token=self.token, device_info=DEVICE)

    def resume(self):
        return wire.Resume(session_id=self.id, resume_token=self.resume_token)

    def decision(self, approve=True, ref=None):
        return wire.PairDecision(session_id=self.id, approve=approve, ref=ref)

    def close(self, ref=None):
        return wire.CloseSession(session_id=self.id, ref=ref)

    async def ask(self):
        reply = await self.guest.asks(self.pair_request())
        self.resume_token = reply.resume_token

    async def decide(self):
        await self.host.asks(self.decision())

    def newcomer(self, role):
        """Return a new connection for a role, and the message with which it asks for the seat."""
        client = self.node.connect()
        if role is HOST:
            self.host, message = client, wire.Register(uuid="desk", key=KEY)
        else:
            self.guest, message = client, self.resume()
        return client, message

    async def returns(self, role):
        """Take the seat of a role with a new connection."""
        client, message = self.newcomer(role)
        await client.asks(message)
        return client

    async def leaves(self, role):
        self[role].close()
        await wait_all_tasks_blocked()

    def __getitem__(self, role):
        return self.host if role is HOST else self.guest


def crash_at(monkeypatch, session_id, error=ZeroDivisionError):
    """Let a session fail at every event from now on."""
    handle = Session.handle

    def fail(session, event, now):
        if session.session_id == session_id:
            raise error
        return handle(session, event, now)

    monkeypatch.setattr(Session, "handle", fail)

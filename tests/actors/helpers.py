"""A node without sockets, the clients at it, and two of them at one session."""

import trio
from msgspec import Raw
from trio.testing import wait_all_tasks_blocked

from proxim.actors.backend import Backend
from proxim.actors.limits import LimitSettings, NodeLimits
from proxim.actors.router import Router, leave
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
    """A connection without a socket: it keeps what it is told, as the other end would read it.

    What comes after its close, and so reaches nobody, is in ``missed``. ``patience`` is the time
    in seconds for which it tries to say something.
    """

    patience = 1.0

    def __init__(self, router, address=None):
        self.seats = {}
        self.owner = None
        self.address = address
        self.told, self.missed, self.times = [], [], []
        self.close_code = None
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
            leave(self)

    async def sends(self, message):
        """Say something and go on as soon as the next thing could be said."""
        frame = codec.encode(message)
        try:
            with trio.fail_after(self.patience):
                await self._router.route(self, codec.decode_client(frame))
        except RequestError as error:
            address = codec.address_of(frame)
            error.session_id = error.session_id or address.session_id
            self.tell(codec.error_message(error, address.ref))

    async def asks(self, message):
        """Say something, wait until all has come to rest, and return the last that was told."""
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
        """All messages of a kind that were told."""
        return [message for message in self.told if isinstance(message, kind)]

    def when(self, kind):
        """The moments at which messages of a kind were told."""
        return [at for at, it in zip(self.times, self.told, strict=True) if isinstance(it, kind)]

    @property
    def closed(self):
        return self.close_code is not None

    @property
    def numbers(self):
        """The signals that came, in order."""
        return [int(bytes(signal.data)) for signal in self.heard(wire.Signal)]

    @property
    def endings(self):
        """Why sessions ended, as it was told."""
        return [last_word.reason for last_word in self.heard(wire.SessionEnded)]


class Node:
    """What routes and supervises. ``drawing`` may be replaced by an event that holds up the QR."""

    def __init__(
        self,
        *,
        access_token=None,
        sweep_interval=30.0,
        limit_settings=NO_LIMITS,
        connections_per_address=0,
        make_backend=Backend,
        observer=None,
        **terms,
    ):
        self.supervisor = Supervisor(
            terms=Terms(**terms),
            limits=NodeLimits(limit_settings, connections_per_address),
            sweep_interval=sweep_interval,
            ice=lambda ttl: IceGrant([ICE], ttl / 2),
            observer=observer,
            make_backend=make_backend,
        )
        self.drawing = trio.Event()
        self.drawing.set()
        self.router = Router(
            self.supervisor,
            public_url="https://node.example",
            draw_qr=self._draw_qr,
            access_token=access_token,
        )

    async def _draw_qr(self, link):
        await self.drawing.wait()
        return f"<svg>{link}</svg>"

    def connect(self, address=None):
        return Client(self.router, address)

    async def host(self, key=KEY, uuid="desk"):
        host = self.connect()
        await host.registers(key, uuid)
        return host

    async def invites(self, kind=PERSISTENT, host=None, ttl=None):
        """A host that has a link to show."""
        return await Meeting(self, host or await self.host()).open(kind, ttl)

    async def prompts(self, kind=PERSISTENT, **options):
        """A guest has asked, the host has yet to answer."""
        meeting = await self.invites(kind, **options)
        await meeting.ask()
        return meeting

    async def pairs(self, kind=PERSISTENT, **options):
        """Host and guest, approved."""
        meeting = await self.prompts(kind, **options)
        await meeting.decide()
        return meeting


class Meeting:
    """One session, with its host and its guest of the moment."""

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
        """A new connection in the place of the one of that role, and how it asks for the seat."""
        client = self.node.connect()
        if role is HOST:
            self.host, message = client, wire.Register(uuid="desk", key=KEY)
        else:
            self.guest, message = client, self.resume()
        return client, message

    async def returns(self, role):
        """The role comes on a new connection; one that still is there is replaced."""
        client, message = self.newcomer(role)
        await client.asks(message)
        return client

    async def leaves(self, role):
        self[role].close()
        await wait_all_tasks_blocked()

    def __getitem__(self, role):
        return self.host if role is HOST else self.guest


def crash_at(monkeypatch, session_id, error=ZeroDivisionError):
    """From now on a session fails at whatever it should handle."""
    handle = Session.handle

    def fail(session, event, now):
        if session.session_id == session_id:
            raise error
        return handle(session, event, now)

    monkeypatch.setattr(Session, "handle", fail)

"""Coverage-guided fuzzing of what a node of a cluster reads from Redis: batches and snapshots.

    python -m tests.fuzz.nodes [-max_total_time=20] [corpus directories]

Whatever the bytes, a batch is handled or logged as unreadable, at a node that has the session and
at one that has the client; and a snapshot is a session that can go on or an ``InvalidSnapshot``.
With a key nothing is decrypted that no node has encrypted.
"""

import logging
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import atheris
import trio

with atheris.instrument_imports(include=["proxim"]):
    import msgspec

    from proxim.actors.connection import Owner
    from proxim.actors.inbox import Envelope, Receipt
    from proxim.actors.seat import Seat
    from proxim.actors.stats import Stats
    from proxim.backends.redis import rpc
    from proxim.backends.redis.bus import MessageBus
    from proxim.backends.redis.cipher import CannotDecrypt, ClusterCipher
    from proxim.backends.redis.records import UNREADABLE, Record
    from proxim.backends.redis.remote_connections import RemoteConnections
    from proxim.backends.redis.remote_sessions import RemoteSession, RemoteSessions
    from proxim.backends.redis.write_queue import WriteQueue
    from proxim.protocol.errors import BadMessage
    from proxim.protocol.messages import DeviceInfo, Reason, SessionType
    from proxim.session import events as ev
    from proxim.session import snapshot
    from proxim.session.events import Role, Terms
    from proxim.session.snapshot import InvalidSnapshot

NOW = 1000.0
SESSION = "s"
OPEN, KEYED = ClusterCipher(None), ClusterCipher("k" * 32)
LATER = (
    ev.HostJoined(),
    ev.PairRequested("t", DeviceInfo("n", "i"), "r"),
    ev.PairRequested("t", DeviceInfo("n", "i"), "r", seal="s"),
    ev.HostAcknowledged("s"),
    ev.PairCancelled(),
    ev.HostDecided(approve=True, seal="s"),
    ev.ResumeRequested("r"),
    ev.HostDecided(approve=True),
    ev.IceRequested(),
    ev.HostLeft(),
    ev.GuestLeft(),
    ev.TimePassed(),
    ev.CloseRequested(None),
)

REQUEST = {"type": "Request", "seat": 1, "session_id": SESSION, "number": 1, "epoch": 1}
MESSAGES = [
    {**REQUEST, "event": "HostDecided", "fields": {"approve": True}, "prompt": "p"},
    {
        **REQUEST,
        "event": "HostJoined",
        "fields": {"seen": "approved", "saw_guest": True},
        "ref": "r",
    },
    {**REQUEST, "event": "HostAcknowledged", "fields": {"seal": "s"}},
    {**REQUEST, "event": "RenewalRequested", "fields": {"invitation": {"token_hash": "aGFzaA=="}}},
    {"type": "SendSignal", "seat": 1, "data": {"sdp": "v=0"}},
    {"type": "LeaveSeat", "seat": 1},
    {"type": "Answer", "seat": 1, "number": 1, "role": "guest"},
    {"type": "Answer", "seat": 1, "number": 1, "refusal": {"code": "unavailable", "message": "m"}},
    {"type": "Deliver", "seat": 1, "message": {"type": "pong"}, "prompt": "p"},
    {"type": "CloseConnection", "seat": 1, "code": 1012, "reason": "come again"},
    {"type": "Reset"},
]


def session_in(state: str, **fields: object) -> dict[str, object]:
    """A snapshot as JSON types."""
    return {
        "version": 1,
        "session_id": SESSION,
        "uuid": "desk",
        "key_hash": "aGFzaA==",
        "session_type": "persistent",
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": None,
        "token_hash": "aGFzaA==",
        "lapses_at": 300.0,
        "state": state,
        **fields,
    }


JOIN = rpc.Request(
    seat_number=REQUEST["seat"],
    request_number=REQUEST["number"],
    session_id=SESSION,
    epoch=REQUEST["epoch"],
    **dict(zip(("event", "fields"), rpc.encode_event(ev.HostJoined()), strict=True)),
    owner=Owner("desk", b"k"),
)
PAIRED = {"device": {"name": "n", "id": "i"}, "resume_hash": "aGFzaA==", "online": ["host"]}
SEALS = {"digest": "aGFzaA==", "ack": "a", "answer": "b"}
SNAPSHOTS = [
    session_in("PENDING"),
    session_in("PROMPTED", alarms={"PROMPT": 40.0}, **PAIRED),
    session_in("APPROVED", alarms={"EXPIRY": 600.0}, handed=True, **PAIRED),
    session_in("ENDED", reason=Reason.CLOSED),
    session_in("APPROVED", session_type=SessionType.ONE_TIME, handed=True, **PAIRED),
    session_in("PENDING", version=3, sealed=True),
    session_in("APPROVED", version=3, sealed=True, seals=SEALS, **PAIRED),
]
SEEDS = [
    *(msgspec.json.encode({"sender": "n", "number": 1, "messages": [each]}) for each in MESSAGES),
    *map(msgspec.json.encode, SNAPSHOTS),
]


def judge(data: bytes) -> None:
    judge_batch(data)
    judge_snapshot(data)
    for purpose in ("batch:n", f"snapshot:{SESSION}:n:1:1:0"):
        try:
            KEYED.decrypt(data, purpose)
        except CannotDecrypt:
            continue
        raise AssertionError("what no node has encrypted was decrypted")


def judge_batch(data: bytes) -> None:
    handled: list[tuple[str, rpc.Message]] = []
    bus = MessageBus(OPEN, lambda: None, lambda *each: handled.append(each), Stats())
    bus.receive(data)
    first = list(handled)
    bus.receive(data)
    assert handled == first, "a batch that comes again is not handled again"
    for _, message in first:
        text = msgspec.json.encode(message)
        assert msgspec.json.decode(text, type=rpc.Message) == message
        if isinstance(message, rpc.Request):
            judge_event(message)
        with suppress(KeyError, BadMessage, *UNREADABLE):
            if isinstance(message, rpc.ToSession):
                of_session(bus).receive("n", message)
            elif isinstance(message, rpc.ToConnection):
                of_client(bus).receive("n", message)


class Client:
    """A connection at this node."""

    owner = address = None
    networks = ()
    closed = False

    def __init__(self) -> None:
        self.seats: dict[str, Seat] = {}

    def tell(self, message: object) -> None: ...

    tell_backlog = tell

    def close(self, code: int, reason: str) -> None:
        self.closed = True


class Actor:
    """An actor that handles nothing."""

    owner = Owner("desk", b"k")

    def ask(self, envelope: Envelope) -> Receipt:
        assert envelope.sender is not None
        assert envelope.seat is None or envelope.sender.seats[SESSION] is envelope.seat
        return Receipt()

    def post(self, envelope: Envelope) -> None: ...

    def leave(self, seat: Seat) -> None: ...

    def close_line(self) -> None: ...


def of_session(bus: MessageBus) -> RemoteConnections:
    """What a node has that owns the session: a remote connection with the host seat."""
    actor = Actor()
    supervisor = SimpleNamespace(
        find=lambda each: actor if each == SESSION else None, stats=Stats()
    )
    connections = RemoteConnections(bus, supervisor, lambda _: 1, None)
    connections._nursery = SimpleNamespace(start_soon=lambda *_: None)
    connections.receive("n", JOIN)
    (connection,) = connections._connections.values()
    connection.seats[SESSION] = Seat(actor, Role.HOST, connection)
    return connections


def of_client(bus: MessageBus) -> RemoteSessions:
    """What a node has that serves the client: a remote seat with a request under way."""
    sessions = RemoteSessions(bus, SimpleNamespace(is_connected=True))
    session = SimpleNamespace(session_id=SESSION)
    remote = RemoteSession(sessions, "n", 1, session, Actor.owner)
    client = Client()
    receipt = remote.ask(Envelope(ev.HostJoined(), client))
    assert receipt.refusal is None
    assert sessions._remote_seats.keys() == {1}
    return sessions


def judge_event(request: rpc.Request) -> None:
    try:
        event = rpc.decode_event(request.event, request.fields)
    except (KeyError, *UNREADABLE):
        return
    assert rpc.decode_event(*rpc.encode_event(event)) == event


def judge_snapshot(data: bytes) -> None:
    queue = WriteQueue(OPEN, lambda: None)
    try:
        found = queue.read(Record(SESSION, "n", 1, 1, False, data, True))
    except InvalidSnapshot:
        return
    assert found.session_id == SESSION
    assert snapshot.decode(snapshot.encode(found)) == found
    for event in LATER:
        session = found.restore(Terms(), skew=0.0)
        session.handle(ev.Restored(found.handed), NOW)
        for each in (event, ev.TimePassed()):
            session.handle(each, NOW)
        owner = Owner(found.uuid, found.key_hash)
        queue.add(SimpleNamespace(session=session, owner=owner))
    session.describe()


def main() -> None:
    logging.disable()
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS):
            Path(corpus, str(number)).write_bytes(seed)
        # Random bytes are no JSON of this kind: it has to start from texts that are.
        trio.run(fuzz, corpus)


async def fuzz(corpus: str) -> None:
    """Fuzz within an event loop, whose clock the nodes read."""
    for seed in SEEDS:
        judge(seed)
    atheris.Setup([*sys.argv, corpus], judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""What somebody who can write to Redis cannot do, while the nodes have a key."""

import socket
import threading
from types import SimpleNamespace

import pytest

from proxim.actors.backend import SaveReceipt
from proxim.actors.connection import Owner
from proxim.actors.stats import Stats
from proxim.backends.redis import write_queue
from proxim.backends.redis.cipher import CannotDecrypt, ClusterCipher
from proxim.backends.redis.records import Record
from proxim.backends.redis.registry import Registry
from proxim.backends.redis.write_queue import WriteQueue
from proxim.protocol import tokens
from proxim.protocol.messages import SessionType
from tests.backends.redis.nodes import KEY, Couple, until
from tests.e2e.client import PATIENCE
from tests.session.helpers import approved


class Writer:
    """Somebody who reads and writes in a Redis, by its protocol: batches are not text."""

    def __init__(self, redis):
        self._socket = socket.create_connection(("127.0.0.1", redis.port), PATIENCE)
        self._lines = self._socket.makefile("rb")

    def ask(self, *words):
        words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
        self._socket.sendall(b"*%d\r\n" % len(words) + b"".join(parts))
        return self._answer()

    def _answer(self):
        line = self._lines.readline().strip()
        kind, rest = line[:1], line[1:]
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == b"-1" else self._lines.read(int(rest) + 2)[:-2]
        assert kind != b"-", line
        return rest

    def field(self, session_id, name):
        return self.ask("HGET", f"proxim:session:{session_id}", name)

    def node_at(self, port):
        """Return the id of the node that listens on a port, or an empty text."""
        for key in self.ask("KEYS", "proxim:node:*"):
            if b':%d"' % port in (self.ask("GET", key) or b""):
                return key.decode().rpartition(":")[2]
        return ""

    def close(self):
        self._lines.close()
        self._socket.close()


@pytest.fixture
def writer(redis):
    writer = Writer(redis)
    yield writer
    writer.close()


class Recorder:
    """Keeps all batches that are sent to a node, from now on."""

    def __init__(self, redis, node):
        self.bodies = []
        self._stream = f"proxim:batches:{node}"
        self._ended = threading.Event()
        self._writer = Writer(redis)
        last = self._writer.ask("XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        self._last = last[0][0] if last else b"0"
        self._thread = threading.Thread(target=self._record)

    def _record(self):
        while not self._ended.is_set():
            read = ("XREAD", "BLOCK", 200, "STREAMS", self._stream, self._last)
            for _, entries in self._writer.ask(*read) or ():
                self.bodies += [fields[1] for _, fields in entries if fields[1]]
                self._last = entries[-1][0]

    def __enter__(self):
        self._thread.start()
        return self.bodies

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()
        self._writer.close()


def closed(couple, writer):
    """Close a session, and wait until that is saved."""
    before = writer.field(couple.id, "revision")
    couple.host.ask("session_ended", "close_session", session_id=couple.id)
    couple.guest.expect("session_ended", session_id=couple.id)
    until(lambda: writer.field(couple.id, "revision") != before)


def answers(node, couple, times=6):
    """Return what a guest of a session hears that comes back again and again."""
    heard = set()
    for _ in range(times):
        peer = node.peer()
        fields = {"session_id": couple.id, "resume_token": couple.resume_token, "ref": "again"}
        peer.send("resume", **fields)
        answer = peer._receive(PATIENCE)
        heard.add(answer.get("code") or answer["type"])
    return heard


@pytest.mark.parametrize(
    "freed",
    [{"free": 1}, {"node": ""}, {"node": "nobody", "revision": 0}, {"revision": "9" * 5000}],
)
def test_older_snapshot_with_a_later_epoch_is_no_session(brittle, writer, freed):
    cluster = brittle(2, "--cluster-key", KEY)
    couple = Couple(cluster[0], cluster[0]).approve()
    session = f"proxim:session:{couple.id}"
    writer.ask("COPY", session, "kept")
    closed(couple, writer)
    writer.ask("COPY", "kept", session, "REPLACE")
    for name, value in {"epoch": 9, **freed}.items():
        writer.ask("HSET", session, name, value)
    assert answers(cluster[1], couple) == {"unknown_session"}


@pytest.mark.parametrize(
    "rubbish",
    [{"epoch": "x"}, {"epoch": -1}, {"revision": "x"}, {"node": b"\xff"}, {"snapshot": "{"}],
)
def test_rubbish_in_a_record_harms_nobody(brittle, writer, rubbish):
    cluster = brittle(2, "--cluster-key", KEY)
    couple = Couple(cluster[0], cluster[0]).approve()
    for name, value in rubbish.items():
        writer.ask("HSET", f"proxim:session:{couple.id}", name, value)
    assert answers(cluster[1], couple, 2) == {"unknown_session"}
    couple.talk(1)
    # The next save puts it right.
    couple.guest.leave()
    couple.host.expect("peer_offline")
    couple.resume(cluster[0])
    couple.host.expect("peer_online")
    assert answers(cluster[1], couple, 1) == {"resumed"}


def test_node_takes_back_no_session_that_it_has_ended(brittle, writer):
    cluster = brittle(2, "--cluster-key", KEY, sweep=0.2)
    couple = Couple(cluster[0], cluster[0]).approve()
    session = f"proxim:session:{couple.id}"
    writer.ask("COPY", session, "kept")
    closed(couple, writer)
    until(lambda: writer.field(couple.id, "snapshot") == b"")
    writer.ask("COPY", "kept", session, "REPLACE")
    heard = answers(cluster[1], couple) | answers(cluster[0], couple)
    assert heard <= {"unavailable", "unknown_session"}
    until(lambda: writer.field(couple.id, "snapshot") == b"")
    assert answers(cluster[1], couple) == {"unknown_session"}


def test_batches_of_a_node_that_was_taken_for_dead_count_no_more(brittle, writer, redis):
    cluster = brittle(2, "--cluster-key", KEY)
    couple = Couple(cluster[0], cluster[0]).approve()
    here, there = (writer.node_at(node.port) for node in cluster.nodes)
    with Recorder(redis, here) as recorded:
        couple.register(cluster[1])
        couple.talk(1)
        until(lambda: recorded)
    couple.register(cluster[0])
    writer.ask("DEL", f"proxim:node:{there}")
    until(lambda: writer.node_at(cluster[1].port) not in ("", there))
    for body in recorded:
        writer.ask("XADD", f"proxim:batches:{here}", "*", "b", body)
    # Whatever the node answers to these, it answers before this.
    Couple(cluster[0], cluster[1]).approve().talk(1)
    couple.talk(1, 2, 3)
    couple.host.quiet()


def test_session_that_is_listed_for_a_stranger_is_not_his(brittle, writer):
    cluster = brittle(2, "--cluster-key", KEY)
    couple = Couple(cluster[0], cluster[0]).approve()
    stranger = "s" * 43
    name = Owner("desk-1", tokens.digest(stranger)).hash
    writer.ask("SADD", f"proxim:owner:{name}", couple.id)
    for node in cluster.nodes:
        assert node.host(key=stranger).registered["sessions"] == []
    couple.talk(1)
    couple.quiet()


@pytest.mark.parametrize(
    "altered",
    [{"session_id": "other"}, {"node": "other"}, {"epoch": 2}, {"revision": 2}, {"free": True}],
)
def test_snapshot_opens_as_the_save_that_it_was_alone(altered):
    session = approved(SessionType.PERSISTENT).session
    queue = WriteQueue(ClusterCipher(KEY), lambda: None)
    queue.add(SimpleNamespace(session=session, owner=Owner("desk", b"k" * 32)))
    (saved,) = queue.pack("node")
    assert (saved.epoch, saved.revision, saved.free) == (1, 1, False)
    record = Record(session.session_id, "node", 1, 1, False, saved.snapshot, lives=True)
    assert queue.read(record).uuid == session.uuid
    with pytest.raises(CannotDecrypt):
        queue.read(record._replace(**altered))


def flushed(queue, node):
    """Flush a queue with one session, and return what Redis has of the session then."""
    (saved,) = queue.pack(node)
    queue.mark_saved()
    version = saved.epoch, saved.revision, saved.free
    return Record(saved.session_id, node, *version, saved.snapshot, lives=True)


@pytest.mark.parametrize("freed", [{}, {"lives": False}])
def test_node_takes_over_no_older_record_of_a_session_that_it_has_ended(freed):
    """A session was handed over at a restart, closed at the next node, and is put back."""
    session = approved(SessionType.PERSISTENT).session
    owner = Owner("desk", b"k" * 32)
    former, queue = (WriteQueue(ClusterCipher(KEY), lambda: None) for _ in range(2))
    former.add(SimpleNamespace(session=session, owner=owner), handed=True)
    record = flushed(former, "former")._replace(**freed)
    bus = SimpleNamespace(node="node")
    stats = Stats()
    registry = Registry(SimpleNamespace(stats=stats), None, None, None, bus, queue, None)
    assert isinstance(registry._claim_or_reach(record), SaveReceipt)
    flushed(queue, "node")
    queue.delete(session.session_id)
    deleted = flushed(queue, "node")
    assert registry._claim_or_reach(record) is None
    again = flushed(queue, "node")
    assert deleted.snapshot == again.snapshot == b""
    assert stats.cluster_refusals == {"record_outdated": 1}
    forged = record._replace(snapshot=b"forged", epoch=9)
    assert registry._claim_or_reach(forged) is None
    assert stats.cluster_refusals == {"record_outdated": 1, "record_unreadable": 1}
    assert queue.epoch(session.session_id) == 0


def test_ended_sessions_that_a_node_remembers_are_bounded(monkeypatch):
    monkeypatch.setattr(write_queue, "MOST_ENDED", 3)
    queue = WriteQueue(ClusterCipher(KEY), lambda: None)
    session = approved(SessionType.PERSISTENT).session
    for number in range(10):
        session.session_id = f"session-{number}"
        queue.add(SimpleNamespace(session=session, owner=Owner("desk", b"k" * 32)))
        queue.delete(session.session_id)
    assert list(queue._ended) == ["session-7", "session-8", "session-9"]

"""Sequences of good and bad messages of several connections, against the real router.

In any order, no client gets the messages of another, no signal is relayed before the approval, no
actor crashes, and every request that has an answer gets exactly one.
"""

import json

import msgspec
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from proxim.protocol import codec
from proxim.protocol import messages as wire
from proxim.protocol.errors import RequestError
from proxim.session.events import Role
from proxim.session.state import State
from tests.actors.helpers import Node

CLIENTS, OWNERS = 4, 2
HELPED = {"pair_decision": (Role.HOST, Role.HOST), "signal": tuple(Role)}
SILENT = {"signal"}
"""Requests that get no answer if they succeed."""


@st.composite
def scripts(draw):
    """Steps: the client, the kind of message, and which known session and token it names."""
    kinds = st.sampled_from([
        "register", "create_session", "create_session", "pair_request", "pair_request", "resume",
        "pair_decision", "pair_decision", "signal", "signal", "signal", "refresh_ice",
        "close_session", "renew_link", "list_sessions", "ping", "leave", "wait", "garbage",
    ])  # fmt: skip
    return draw(
        st.lists(
            st.tuples(
                st.integers(0, CLIENTS - 1), kinds, st.integers(0, 5), st.integers(0, 5),
                st.booleans(),
            ),
            min_size=8,
            max_size=40,
        )
    )  # fmt: skip


GARBAGE = [
    "", "{", "[]", '{"type":"x"}', '{"type":"signal"}', '{"type":"register","uuid":" "}',
    '{"type":"signal","session_id":"x","data":' + "[" * 40 + "]" * 40 + "}",
]  # fmt: skip


class World:
    """The node, its clients, and what each of them is allowed to know."""

    def __init__(self, node):
        self.node = node
        self.clients = [node.connect() for _ in range(CLIENTS)]
        # The first of each is unknown to the node.
        self.sessions = ["no-such-session"]
        self.tokens = ["no-such-token"]
        self.resume_tokens = ["no-such-token"]
        self.refs = 0
        self.sent = {}

    def message(self, kind, a, b, flag):
        """Return a message of a client, made of what any client may know."""
        at = a % len(self.sessions)
        session = self.sessions[at]
        device = {"name": f"device {b}", "id": str(b)}
        fields = {
            "register": {"uuid": "desk", "key": "ko"[a % OWNERS] * 43},
            "create_session": {"session_type": ("one_time", "persistent")[flag]},
            "pair_request": {
                "session_id": session,
                "token": self.tokens[at] if flag or b else "no-such-token",
                "device_info": device,
            },
            "resume": {
                "session_id": session,
                "resume_token": self.resume_tokens[b % len(self.resume_tokens)],
            },
            "pair_decision": {"session_id": session, "approve": flag or b > 1},
            "list_sessions": {},
            "ping": {},
        }
        return {"type": kind, **fields.get(kind, {"session_id": session})}

    async def step(self, who, kind, a, b, flag):
        if self.clients[who].closed:
            # Replaced: nothing more is read from it.
            self.clients[who] = self.node.connect()
        client = self.clients[who]
        if kind == "wait":
            await trio.sleep((0.5, 50)[flag])
        elif kind == "leave":
            client.close()
            self.clients[who] = self.node.connect()
        elif kind == "garbage":
            await self.refused(client, GARBAGE[(a * 6 + b) % len(GARBAGE)])
        else:
            message = self.message(kind, a, b, flag)
            if kind in HELPED and flag:
                client = self.holder(message["session_id"], HELPED[kind][b % 2], client)
            await self.ask(client, message)
        await wait_all_tasks_blocked()

    def holder(self, session_id, role, otherwise):
        """Return a client that holds a seat, which chance would rarely find."""
        actor = self.node.supervisor.find(session_id)
        seat = actor and actor.seats.get(role)
        return seat.connection if seat else otherwise

    async def refused(self, client, frame):
        before = len(client.told)
        await say(self.node, client, frame)
        await wait_all_tasks_blocked()
        (error,) = client.told[before:]
        assert error.code == "bad_message"

    async def ask(self, client, message):
        self.refs += 1
        message["ref"] = ref = f"r{self.refs}"
        kind = message["type"]
        if kind == "signal":
            message["data"] = {"from": self.refs}
            self.sent[self.refs] = self.entitled(client, message["session_id"])
        await say(self.node, client, json.dumps(message))
        await wait_all_tasks_blocked()
        answers = [
            each for each in client.told + client.missed if getattr(each, "ref", None) == ref
        ]
        if kind in SILENT:
            assert len(answers) <= 1
            assert all(isinstance(each, wire.Error) for each in answers)
        else:
            assert len(answers) == 1, (message, answers)
        for each in answers:
            self.learn(each)

    def entitled(self, client, session_id):
        """Return whether a signal of this client may be relayed now."""
        actor = self.node.supervisor.find(session_id)
        seat = client.seats.get(session_id)
        return bool(actor and seat and actor.session.state is State.APPROVED)

    def learn(self, answer):
        if isinstance(answer, wire.SessionCreated):
            self.sessions.append(answer.session.session_id)
            self.tokens.append(answer.token)
        elif isinstance(answer, wire.LinkRenewed):
            self.tokens[self.sessions.index(answer.session_id)] = answer.token
        elif isinstance(answer, wire.PairPending):
            self.resume_tokens.append(answer.resume_token)

    def check(self, everybody):
        assert self.node.supervisor.crashes == 0
        for actor in self.node.supervisor.actors():
            for role, seat in actor.seats.items():
                assert seat.connection.seats[actor.session.session_id] is seat
                assert not seat.connection.closed
                assert seat.role is role
            lines = [seat.line for seat in actor.seats.values()]
            if any(lines):
                assert actor.session.state is State.APPROVED
                assert set(actor.seats) == set(Role)
        for client in everybody:
            taken = held(client)
            for message in client.told:
                if isinstance(message, wire.Signal):
                    assert message.session_id in taken, "a signal of another session"
                    origin = msgspec.json.decode(message.data)["from"]
                    assert self.sent[origin], "a signal was relayed that was not allowed"
                elif isinstance(message, wire.PairPrompt):
                    assert message.session_id in taken, "the prompt of another host"


def held(client):
    """Return the sessions of which a client was told that it is a member, ended or not."""
    sessions = set()
    for message in client.told:
        match message:
            case wire.SessionCreated(session=info) | wire.Resumed(session=info):
                sessions.add(info.session_id)
            case wire.PairPending(session_id=session_id):
                sessions.add(session_id)
            case wire.Registered(sessions=infos):
                sessions.update(info.session_id for info in infos)
    return sessions


async def say(node, client, frame):
    """Route a message as a connection does, with the decoder."""
    try:
        with trio.fail_after(1):
            await node.router.route(client, codec.decode_client(frame))
    except RequestError as error:
        address = codec.reference_of(frame)
        error.session_id = error.session_id or address.session_id
        client.tell(codec.error_message(error, address.ref))


@settings(max_examples=150)
@given(scripts(), st.integers(0, 2))
def test_no_sequence_of_messages_breaks_an_invariant(script, head_start):
    async def play():
        async with trio.open_nursery() as nursery:
            node = Node()
            await nursery.start(node.supervisor.run)
            world = World(node)
            everybody = list(world.clients)
            for who in range(OWNERS):
                await world.step(who, "register", who, 0, False)
                await world.step(who, "create_session", who, 0, True)
            # Chance alone would rarely lead to a prompt and an approval.
            for kind, who in (("pair_request", 2), ("pair_decision", 0))[:head_start]:
                await world.step(who, kind, 1, 0, True)
            for who, *step in script:
                await world.step(who, *step)
                everybody += [each for each in world.clients if each not in everybody]
                world.check(everybody)
            nursery.cancel_scope.cancel()

    trio.run(play, clock=MockClock(autojump_threshold=0))

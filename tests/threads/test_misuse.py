"""Errors of a program are raised where it makes them."""

import math

import pytest
import trio

import proxim
from proxim.protocol.errors import BadMessage, LimitReached
from tests.threads.helpers import PATIENCE, Guest


@pytest.fixture
def node():
    with proxim.run_in_thread(port=0) as node:
        yield node


def test_unknown_session_type_is_refused_with_the_known_ones(node):
    with pytest.raises(BadMessage, match="one_time, persistent, temporary, not 'bogus'"):
        node.open_session("bogus")


def test_decide_must_be_callable(node):
    with pytest.raises(TypeError, match="decide must be a function"):
        node.open_session(decide=True)


def cycle():
    itself = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    "value", [object(), [math.nan], math.inf, "\ud800", cycle()], ids=lambda value: type(value)
)
def test_value_that_is_not_json_is_refused(node, value):
    session = node.open_session(decide=lambda _: True)
    guest = Guest(session.link, "in")
    assert session.receive(timeout=PATIENCE) == "in"
    with pytest.raises(BadMessage, match="not a JSON value"):
        session.send(value)
    session.send([None, 1.5])
    session.close()
    assert guest.reason() == "closed"
    assert guest.heard == [[None, 1.5]]


def test_session_limit_error_names_the_setting():
    with proxim.run_in_thread(port=0, sessions_per_owner=1) as node:
        node.open_session()
        with pytest.raises(LimitReached, match="sessions_per_owner"):
            node.open_session()


def test_call_in_a_trio_thread_is_refused(node):
    async def call():
        node.sessions()

    with pytest.raises(RuntimeError, match="call it from a thread"):
        trio.run(call)

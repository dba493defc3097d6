"""What a program does wrong is told where it does it."""

import math

import pytest

import proxim
from proxim.protocol.errors import BadMessage, LimitReached
from tests.threads.helpers import PATIENCE, Guest


@pytest.fixture
def node():
    with proxim.run_in_thread(port=0) as node:
        yield node


def test_a_type_that_is_none_is_told_with_those_that_are(node):
    with pytest.raises(BadMessage, match="one_time, persistent, temporary, not 'bogus'"):
        node.open_session("bogus")


def test_who_cannot_be_asked_is_refused_at_once(node):
    with pytest.raises(TypeError, match="decide is a function"):
        node.open_session(decide=True)


def cycle():
    itself = []
    itself.append(itself)
    return itself


@pytest.mark.parametrize(
    "value", [object(), [math.nan], math.inf, "\ud800", cycle()], ids=lambda value: type(value)
)
def test_what_is_no_json_is_refused(node, value):
    session = node.open_session(decide=lambda _: True)
    guest = Guest(session.link, "in")
    assert session.receive(timeout=PATIENCE) == "in"
    with pytest.raises(BadMessage, match="no JSON"):
        session.send(value)
    session.send([None, 1.5])
    session.close()
    assert guest.reason() == "closed"
    assert guest.heard == [[None, 1.5]]


def test_one_session_too_many_names_the_setting():
    with proxim.run_in_thread(port=0, sessions_per_owner=1) as node:
        node.open_session()
        with pytest.raises(LimitReached, match="sessions_per_owner"):
            node.open_session()

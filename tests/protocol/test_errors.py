import re
from copy import copy

import pytest

from proxim.protocol import errors
from proxim.protocol.errors import (
    ConnectionLost,
    ProximError,
    RequestError,
    SessionOver,
    TransferFailed,
    UnknownSession,
    request_error,
)

CODES = """
bad_message not_registered access_denied unknown_session token_used link_lapsed host_offline
not_allowed not_approved already_decided peer_offline limit_reached rate_limited internal_error
unavailable
"""


def test_docstring_has_the_tree_of_the_classes():
    drawn, path = {}, []
    for indent, name, code in re.findall(
        r"^    ([│├└─ ]*)([A-Z]\w+)(?: +([a-z_]+)$)?", errors.__doc__, re.MULTILINE
    ):
        path[len(indent) // 4 :] = [name]
        drawn[name] = (path[-2] if path[1:] else "Exception", code)
    classes = [ProximError, *ProximError.__subclasses__()]
    classes += [each for parent in classes[1:] for each in parent.__subclasses__()]
    assert drawn == {
        each.__name__: (
            each.__base__.__name__,
            each.code if each.__base__ is RequestError else "",
        )
        for each in classes
    }


def test_codes_are_those_of_the_protocol():
    assert set(errors.REQUEST_ERRORS) == set(CODES.split())


@pytest.mark.parametrize("code", CODES.split())
def test_wire_code_becomes_its_class(code):
    error = request_error(code, "text", session_id="s", retry_after=1.5)
    assert type(error) is errors.REQUEST_ERRORS[code]
    assert (error.code, str(error), error.message) == (code, "text", "text")
    assert (error.session_id, error.retry_after) == ("s", 1.5)


def test_unknown_wire_code_becomes_a_request_error():
    assert type(request_error("out_of_tea", "text")) is RequestError


def test_wrong_token_and_missing_session_read_alike():
    assert str(UnknownSession()) == "session not found, or you do not have access to it"


def test_other_errors_keep_their_fields():
    over = SessionOver("expired", "closed")
    assert (over.status, over.reason) == ("expired", "closed")
    assert str(over) == "the session has ended: closed"
    assert ConnectionLost("gone", close_code=4000).close_code == 4000
    assert ConnectionLost("gone").close_code is None


@pytest.mark.parametrize(
    "error",
    [
        SessionOver("expired", "closed"),
        ConnectionLost("gone", close_code=4000),
        TransferFailed("disk_full", "there is no room", by_other_side=True),
    ],
)
def test_copy_of_an_error_is_one_of_its_own_with_the_same_fields(error):
    twin = copy(error)
    assert twin is not error
    assert (type(twin), str(twin), vars(twin)) == (type(error), str(error), vars(error))

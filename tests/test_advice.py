import logging

import pytest

from proxim.node import Node
from proxim.settings import Settings
from proxim.settings.advice import advice, advice_for_public_nodes

LONG = "t" * 22
TURN = {"turn": ("turn:a",), "turn_secret": "s"}
PROVIDER = {"ice_provider": "https://turn.example/credentials"}
OWN_PAGE = {"join_url": "https://app.example/join"}
PUBLIC = {"public_url": "https://node.example"}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, []),
        ({"access_token": LONG}, []),
        ({"access_token": LONG[1:]}, ["access_token"]),
        ({"stun": ("stun:a",)}, []),
        (TURN, ["turn"]),
        (PROVIDER, ["ice_provider"]),
        ({**TURN, **PROVIDER}, ["turn"]),
        ({**TURN, **PROVIDER, "access_token": LONG}, []),
        ({**TURN, "access_token": "short"}, ["access_token"]),
        ({"require_seal": True}, []),
        (OWN_PAGE, []),
        ({**OWN_PAGE, "require_seal": True}, ["join_url"]),
    ],
)
def test_settings_that_may_be_meant_otherwise_are_named(settings, named):
    assert [each.setting for each in advice(Settings(**settings))] == named


@pytest.mark.parametrize(
    ("settings", "is_named"),
    [
        ({}, False),
        (PUBLIC, True),
        ({**PUBLIC, "idle_days": 30.0}, False),
        ({**PUBLIC, "access_token": LONG}, False),
    ],
)
def test_public_node_is_told_of_idle_days(settings, is_named):
    found = [each.setting for each in advice_for_public_nodes(Settings(**settings))]
    assert found == ["idle_days"] * is_named


async def test_node_warns_when_it_starts(caplog):
    with caplog.at_level(logging.WARNING):
        async with Node(port=0, access_token="hush", **TURN):
            pass
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("access_token: the token has fewer than 22 characters")
    assert "hush" not in line


async def test_node_that_gives_relays_to_everybody_warns_when_it_starts(caplog):
    with caplog.at_level(logging.WARNING):
        async with Node(port=0, **TURN):
            pass
    (line,) = [each.getMessage() for each in caplog.records]
    assert line.startswith("turn: without access_token every client")

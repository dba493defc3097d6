"""Limits by owner and by address at real nodes: whichever one is asked, all count."""

import json
import secrets
import time

import pytest

from tests.cluster.nodes import Cluster, Couple, status, unlink, until
from tests.e2e.client import PHONE


@pytest.fixture(scope="module")
def strict(shared_redis):
    """Two nodes that allow little, in a part of Redis of their own."""
    url = shared_redis.url[:-1] + "1"
    options = ["--limit-loopback", "--sessions-per-owner", "3"]
    cluster = Cluster(url, 2, *options, "--guesses-per-address", "4", "--denials-per-address", "2")
    yield cluster
    cluster.stop()


def test_an_owner_has_so_many_sessions_in_all(strict):
    key = secrets.token_urlsafe(32)
    first, second = strict[0].host(key=key), strict[1].host(key=key, seats=[])
    for host in (first, second, first):
        created = host.create()
    for host in (first, second):
        host.refused("limit_reached", "create_session", session_type="persistent")
    first.ask("session_ended", "close_session", session_id=created["session"]["session_id"])
    first.create()
    strict[1].host().create()


def test_who_was_denied_or_guessed_elsewhere_waits_here(strict):
    # Each node has to have heard of the other.
    until(lambda: len(json.loads(status("--json", "--cluster", strict.url).stdout)) == 2)
    time.sleep(2.5)
    for _ in range(2):
        couple = Couple(strict[0], strict[1])
        couple.host.decide(couple.id, approve=False)
    host = strict[1].host()
    created = host.create()

    def denied():
        session_id, token = unlink(created["link"])
        fields = {"session_id": session_id, "token": token}
        return strict[1].peer().refused("rate_limited", "pair_request", device_info=PHONE, **fields)

    assert denied()["retry_after"] > 60
    for _ in range(4):
        strict[0].peer().refused("unknown_session", "resume", session_id="x", resume_token="y")
    until(
        lambda: (
            strict[1].peer().ask("error", "resume", session_id="x", resume_token="y")["code"]
            == "rate_limited"
        )
    )

"""Limits by owner and by address are counted by all nodes together."""

import http.client
import secrets

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from proxim.backends.redis.shared_limits import EVENTS_PER_ADDRESS
from tests.backends.redis.nodes import SHORT_LEASE, Cluster, Node, unlink, until
from tests.backends.redis.test_secrecy import everything
from tests.e2e.client import PATIENCE, PHONE

LOOPBACK = "--limit-loopback"
OF_AN_ADDRESS = (LOOPBACK, "--connections-per-address", "3")


def knock(node):
    """Return what a node answers to a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def is_full(node):
    return knock(node)[0] == 503


def comes(node):
    """Return a new connection, or None if it is refused."""
    try:
        return node.peer()
    except (InvalidStatus, ConnectionClosed):
        # The node may refuse and close before the client has sent anything.
        return None
    except AssertionError as error:
        # The client library then fails at a check of its own, without a text.
        if error.args:
            raise
        return None


# -- connections -----------------------------------------------------------------------------


def test_connections_per_address_are_limited_at_all_nodes_together(brittle):
    cluster = brittle(3, *OF_AN_ADDRESS)
    peers = [node.peer() for node in cluster.nodes]
    for node in cluster.nodes:
        until(lambda node=node: is_full(node))
        assert comes(node) is None
    alone = Node(*OF_AN_ADDRESS)
    crowd = [alone.peer() for _ in range(3)]
    answers = [knock(node) for node in (*cluster.nodes, alone)]
    assert answers == [answers[0]] * 4
    assert len(crowd) == 3
    peers[0].leave()
    for node in cluster.nodes:
        until(lambda node=node: not is_full(node))
    alone.close_peers()
    alone.stop()


def test_connections_of_a_dead_node_count_until_its_lease_expires(brittle):
    cluster = brittle(2, *OF_AN_ADDRESS)
    for _ in range(3):
        cluster[0].peer()
    until(lambda: is_full(cluster[1]))
    cluster.kill(0)
    assert is_full(cluster[1]), "it may only be unreachable"
    cluster.expire(0)
    until(lambda: not is_full(cluster[1]))


def test_connections_of_a_node_that_leaves_stop_counting_at_once(brittle):
    cluster = brittle(2, *OF_AN_ADDRESS)
    for _ in range(3):
        cluster[0].peer()
    until(lambda: is_full(cluster[1]))
    cluster[0].terminate()
    until(lambda: not is_full(cluster[1]))


@pytest.mark.real_time
def test_nodes_without_redis_count_alone(brittle):
    cluster = brittle(2, *OF_AN_ADDRESS, lease=SHORT_LEASE)
    for _ in range(3):
        cluster[0].peer()
    until(lambda: is_full(cluster[1]))
    cluster.redis.freeze()
    until(lambda: not is_full(cluster[1]))
    assert is_full(cluster[0])
    for _ in range(3):
        until(lambda: comes(cluster[1]))
    until(lambda: is_full(cluster[1]))
    cluster.redis.thaw()
    cluster[1].close_peers()
    until(lambda: is_full(cluster[1]))


def test_no_address_is_in_redis(brittle):
    cluster = brittle(2, *OF_AN_ADDRESS, "--guesses-per-address", "2")
    peers = [cluster[0].peer() for _ in range(3)]
    until(lambda: is_full(cluster[1]))
    for peer in peers[:2]:
        peer.refused("unknown_session", "resume", session_id="x", resume_token="y")

    def counts():
        found = {
            key: content
            for key, content in everything(cluster.redis).items()
            # A node describes itself with its own address.
            if ":node:" not in key
        }
        kinds = {key.split(":")[1] for key in found}
        return found if kinds >= {"counts", "times", "refused"} else None

    for key, content in until(counts).items():
        assert "127.0.0.1" not in key
        assert b"127.0.0.1" not in content, key


def test_address_that_makes_sessions_up_fills_no_redis(brittle):
    cluster = brittle(2, LOOPBACK, "--restart-time", "0")
    for node in cluster.nodes:
        peers = [node.peer() for _ in range(20)]
        guessing = [peers[number % 20] for number in range(EVENTS_PER_ADDRESS + 20)]
        for number, peer in enumerate(guessing):
            name = f"made-up-{node.port}-{number}"
            peer.send("resume", session_id=name, resume_token="y" * 43)
        for peer in guessing:
            peer.expect("error", code="unknown_session")
    # A guess that counts for all nodes is in Redis before this is answered.
    cluster[0].host().create("persistent")
    found = [key for key in everything(cluster.redis) if key.startswith("proxim:times:guesses")]
    assert 0 < len(found) <= 2 * EVENTS_PER_ADDRESS


# -- sessions --------------------------------------------------------------------------------


def refusals(*nodes, key=None):
    """Return the messages with which the nodes refuse another session."""
    answers = []
    for node in nodes:
        host = node.host(uuid="desk-1", **({"key": key, "seats": []} if key else {}))
        answer = host.refused("limit_reached", "create_session", session_type="persistent")
        answers.append(answer["message"])
    return answers


@pytest.mark.parametrize("limit", ["--sessions-per-address", "--sessions-per-owner"])
def test_session_beyond_the_limit_is_refused_alike_at_every_node(brittle, limit):
    cluster, alone = brittle(3, LOOPBACK, limit, "3"), Node(LOOPBACK, limit, "3")
    key = secrets.token_urlsafe(32)
    for number in range(3):
        cluster[number].host(key=key, seats=[]).create()
        alone.host(key=key, seats=[]).create()
    until(lambda: len(set(refusals(*cluster.nodes, alone, key=key))) == 1)
    alone.close_peers()
    alone.stop()


# -- prompts ---------------------------------------------------------------------------------


def ask(node, created, reply="pair_pending"):
    session_id, token = unlink(created["link"])
    fields = {"session_id": session_id, "token": token, "device_info": PHONE}
    return node.peer().ask(reply, "pair_request", **fields)


def test_prompts_per_host_are_limited_at_all_nodes_together(brittle):
    options = (LOOPBACK, "--prompts-per-host", "2")
    cluster, alone = brittle(3, *options), Node(*options)
    key = secrets.token_urlsafe(32)
    hosts = [node.host(key=key, seats=[]) for node in cluster.nodes]
    created = [host.create() for host in hosts]
    for number in (0, 1):
        ask(cluster[2], created[number])
        hosts[number].expect("pair_prompt")
    refused = ask(cluster[0], created[2], "error")
    assert refused["code"] == "rate_limited"
    assert 0 < refused["retry_after"] <= 30
    hosts[2].quiet()
    at_one = alone.host()
    one, two, three = (at_one.create() for _ in range(3))
    ask(alone, one)
    ask(alone, two)
    assert ask(alone, three, "error")["message"] == refused["message"]
    hosts[0].decide(created[0]["session"]["session_id"])
    until(lambda: ask_again(cluster[0], created[2])["type"] == "pair_pending")
    hosts[2].expect("pair_prompt")
    alone.close_peers()
    alone.stop()


def ask_again(node, created):
    session_id, token = unlink(created["link"])
    peer = node.peer()
    peer.send("pair_request", session_id=session_id, token=token, device_info=PHONE)
    return peer._receive(PATIENCE)


# -- sessions of an owner, guesses and denials -------------------------------------------------


@pytest.fixture(scope="module")
def strict(shared_redis):
    """Two nodes with low limits, in a Redis database of their own."""
    shared_redis.age(database=1)
    options = [LOOPBACK, "--sessions-per-owner", "3", "--guesses-per-address", "4"]
    cluster = Cluster(shared_redis, 2, *options, "--denials-per-address", "2", database=1)
    yield cluster
    cluster.stop()


def test_sessions_per_owner_are_limited_at_all_nodes_together(strict):
    key = secrets.token_urlsafe(32)
    first, second = strict[0].host(key=key), strict[1].host(key=key, seats=[])
    for host in (first, second, first):
        created = host.create()
    for host in (first, second):
        host.refused("limit_reached", "create_session", session_type="persistent")
    first.ask("session_ended", "close_session", session_id=created["session"]["session_id"])
    first.create()
    strict[1].host().create()


def test_denials_and_guesses_at_another_node_count_here(strict):
    host = strict[0].host()
    for _ in range(2):
        created = host.create()
        strict[1].peer().pair(created)
        host.expect("pair_prompt")
        host.decide(created["session"]["session_id"], approve=False)
        host.expect("session_ended", reason="rejected")
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

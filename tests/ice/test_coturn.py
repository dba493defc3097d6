"""A real TURN server: credentials of a node, and two peers that connect through it."""

import asyncio
import os
import socket
import subprocess
import sys
import time

import pytest
from aioice.stun import Class, Message, Method, TransactionFailed, parse_message
from aioice.turn import create_turn_endpoint, make_integrity_key

from proxim.ice import ConfiguredIce, IceOptions
from tests.browser.test_browser import CHROMIUM, HERE, needs_browser, packages  # noqa: F401
from tests.ice.coturn import Coturn
from tests.ports import reserved_port

pytestmark = [pytest.mark.full("coturn"), pytest.mark.needs("turnserver")]


@pytest.fixture(scope="module")
def coturn(tmp_path_factory):
    with (
        reserved_port(udp=True) as port,
        Coturn(tmp_path_factory.mktemp("coturn"), port) as coturn,
    ):
        yield coturn


def credentials(coturn, *, secret=None, ago=0.0, ttl=60.0):
    """The credentials that a node with that secret made some seconds ago."""
    options = IceOptions(turn=(coturn.url,), turn_secret=secret or coturn.secret, turn_ttl=ttl)
    (server,) = (
        ConfiguredIce(options, lambda: time.time() - ago, time.time).grant(86_400.0, "peer").servers
    )
    return server


def allocate(coturn, username, password):
    """Request a relayed address; return its port."""

    async def ask():
        async with asyncio.timeout(60):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol, coturn.address, username=username, password=password
            )
        port = transport.get_extra_info("sockname")[1]
        await transport._TurnTransport__inner_protocol.delete()
        return port

    return asyncio.run(ask())


def allocate_tcp(coturn, username, password):
    """Request a relay of TCP (RFC 6062); return the code of its error, or None."""
    request = Message(message_method=Method.ALLOCATE, message_class=Class.REQUEST)
    request.attributes["REQUESTED-TRANSPORT"] = 6 << 24
    with socket.create_connection(coturn.address, timeout=60) as connection:

        def ask():
            connection.sendall(bytes(request))
            head = connection.recv(20, socket.MSG_WAITALL)
            body = connection.recv(int.from_bytes(head[2:4], "big"), socket.MSG_WAITALL)
            return parse_message(head + body)

        asked = ask().attributes
        request.transaction_id = os.urandom(12)
        request.attributes |= {"USERNAME": username, "REALM": asked["REALM"]}
        request.attributes["NONCE"] = asked["NONCE"]
        request.add_message_integrity(make_integrity_key(username, asked["REALM"], password))
        return ask().error_code


def refusal(coturn, username, password):
    with pytest.raises(TransactionFailed) as failed:
        allocate(coturn, username, password)
    code, _ = failed.value.response.attributes["ERROR-CODE"]
    return code


def test_turn_server_accepts_credentials_of_the_node(coturn):
    server = credentials(coturn)
    assert 49160 <= allocate(coturn, server.username, server.credential) <= 50159


def test_expired_and_foreign_credentials_get_401(coturn):
    expired = credentials(coturn, ago=120)
    assert refusal(coturn, expired.username, expired.credential) == 401
    foreign = credentials(coturn, secret="another")
    assert refusal(coturn, foreign.username, foreign.credential) == 401


def test_client_cannot_connect_to_services_through_the_relay(coturn):
    server = credentials(coturn)
    assert allocate_tcp(coturn, server.username, server.credential) == 442


def test_one_user_name_cannot_take_all_ports(coturn):
    server, other = credentials(coturn), credentials(coturn, ttl=90.0)
    assert server.username != other.username

    async def take(most):
        async with asyncio.timeout(60):
            held, code = [], None
            while code is None and len(held) < most:
                try:
                    transport, _ = await create_turn_endpoint(
                        asyncio.DatagramProtocol,
                        coturn.address,
                        username=server.username,
                        password=server.credential,
                    )
                    held.append(transport)
                except TransactionFailed as error:
                    code, _ = error.response.attributes["ERROR-CODE"]
            for transport in held:
                await transport._TurnTransport__inner_protocol.delete()
            return len(held), code

    assert asyncio.run(take(30)) == (10, 486)
    allocate(coturn, other.username, other.credential)


def test_changed_expiry_gets_401(coturn):
    server = credentials(coturn)
    expiry, _, user = server.username.partition(":")
    later = f"{int(expiry) + 60}:{user}"
    assert refusal(coturn, later, server.credential) == 401


def test_allocation_of_aiortc_is_refreshed_after_its_credentials_have_expired(coturn):
    """So a channel through the relay lasts for hours, on one connection."""
    server = credentials(coturn, ttl=1)

    async def refresh():
        async with asyncio.timeout(60):
            transport, _ = await create_turn_endpoint(
                asyncio.DatagramProtocol,
                coturn.address,
                username=server.username,
                password=server.credential,
            )
            # coturn accepts an expired name until the end of its second.
            expiry = int(server.username.partition(":")[0])
            await asyncio.sleep(expiry + 1.5 - time.time())
            inner = transport._TurnTransport__inner_protocol
            request = Message(message_method=Method.REFRESH, message_class=Class.REQUEST)
            request.attributes["LIFETIME"] = 600
            response, _ = await inner.request_with_retry(request)
            await inner.delete()
            return response.attributes["LIFETIME"]

    assert asyncio.run(refresh()) == 600
    assert refusal(coturn, server.username, server.credential) == 401


@needs_browser("coturn")
def test_peers_connect_through_the_relay_alone(coturn):
    environment = os.environ | {
        "PROXIM_PYTHON": sys.executable,
        "CHROMIUM": CHROMIUM,
        "TURN_URL": coturn.url,
        "TURN_SECRET": coturn.secret,
    }
    done = subprocess.run(
        ["node", "--test", "turn/relay.test.js"],
        cwd=HERE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{coturn.log}"

"""Requests that a client has sent before it hung up."""

import json
import os
import socket

import pytest

from proxim.protocol.errors import UnknownSession
from tests.net.helpers import KEY, TEXT, connected, dial, frame, open_session, read_all, shake


@pytest.fixture
def drawn(monkeypatch):
    """The links for which a QR code was drawn."""
    links = []
    monkeypatch.setattr("proxim.qr.svg", lambda link: links.append(link) or "<svg/>")
    return links


def texts(*messages):
    return b"".join(frame(TEXT, json.dumps(message).encode()) for message in messages)


async def send_and_hang_up(stream, *messages):
    """Send at once, so that the node reads the requests after the client has hung up."""
    data = texts(*messages)
    assert os.write(stream.socket.fileno(), data) == len(data)
    stream.socket.shutdown(socket.SHUT_WR)


REGISTER = {"type": "register", "uuid": "desk", "key": KEY}


@pytest.mark.not_on("win32", "darwin", reason="only Linux tells that the client has left at once")
async def test_nothing_is_drawn_for_a_client_that_has_hung_up(node, drawn):
    async with connected(node) as host, dial(node) as stream:
        session_id, token = await open_session(host)
        await shake(stream)
        renew = {"type": "renew_link", "session_id": session_id, "qr": "svg"}
        await send_and_hang_up(stream, REGISTER, *[renew] * 20)
        assert await host.ending() == 4000
        await read_all(stream)
    assert drawn == []
    with pytest.raises(UnknownSession):
        node.supervisor.find(session_id).session.check_token(token)


async def test_what_changes_a_session_is_done_for_a_client_that_has_hung_up(node, drawn):
    async with connected(node) as host, dial(node) as stream:
        session_id, _ = await open_session(host)
        await shake(stream)
        close = {"type": "close_session", "session_id": session_id}
        await send_and_hang_up(stream, REGISTER, close)
        await read_all(stream)
        assert node.supervisor.find(session_id).session.ended


async def test_a_drawing_that_a_client_waits_for_is_made(node, drawn):
    async with connected(node) as host:
        session_id, _ = await open_session(host)
        renewed = await host.ask("renew_link", session_id=session_id, qr="svg")
    assert (renewed["qr_svg"], drawn) == ("<svg/>", [renewed["link"]])

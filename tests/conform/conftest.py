import json

import pytest

from proxim.conform import node
from tests.wire import checked


@pytest.fixture
def validated(monkeypatch):
    """Hold what a client and the scripted node say against the schema.

    What the node says as one of a later version is left out.
    """
    say_text, decode_client = node.Wire.say_text, node.codec.decode_client

    async def say_checked(wire, text):
        message = json.loads(text)
        if "of_a_later_version" not in (message["type"], message.get("reason")):
            checked(message)
        await say_text(wire, text)

    def decode_checked(frame):
        checked(json.loads(frame), "ClientMessage")
        return decode_client(frame)

    monkeypatch.setattr(node.Wire, "say_text", say_checked)
    monkeypatch.setattr(node.codec, "decode_client", decode_checked)

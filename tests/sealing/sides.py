"""Hosts, guests and peers of both languages, with one interface for the tests."""

import json
import subprocess
from pathlib import Path

from msgspec import json as msgjson

from proxim.protocol.messages import SessionType
from proxim.sealing.answer import Terms
from proxim.sealing.guest import SealedGuest, return_seal, take_return
from proxim.sealing.host import Asked, Returned, SealedHost, new_link
from proxim.sealing.link import parse_sealed_link
from proxim.sealing.peer import SealedPeer

DRIVER = Path(__file__).parent / "driver.js"
NODE_URL = "https://node.example"
TERMS = {"name": "Desk", "type": "temporary", "left": 60.5}


class PythonPeer:
    def __init__(self, peer):
        self.peer = peer
        self.secret = peer.secret
        self.role = peer.role

    def start(self):
        return self.peer.start()

    def return_seal(self):
        return return_seal(self.peer)

    def is_ready(self):
        return self.peer.is_ready

    def seal(self, data):
        return self.peer.seal(json.dumps(data).encode())

    def receive(self, data, now):
        """Return the data and the number that are missing; the notice; the signal to send."""
        return self.told(self.peer.receive(msgjson.encode(data), now))

    def take_return(self, seal, now):
        return self.told(take_return(self.peer, seal, now))

    @staticmethod
    def told(got):
        opened = None if got.data is None else (msgjson.decode(got.data), got.missed)
        return opened, got.notice, got.send

    def reloaded(self):
        return PythonPeer(SealedPeer(self.role, self.secret))


class Python:
    """Makes hosts and guests of the Python SDK."""

    name = "Python"

    def host(self, session_id):
        return PythonHost(SealedHost(session_id, new_link()))

    def host_again(self, session_id, secret):
        """Return the host of a session that was approved before a reload."""
        return PythonHost(SealedHost(session_id, secret=secret))

    def guest(self, link, name):
        return PythonGuest(SealedGuest.ask(parse_sealed_link(link), name))

    def are_allowed(self, names):
        from proxim.protocol.device_names import fault

        return [fault(name) is None for name in names]


class PythonHost:
    def __init__(self, host):
        self.host = host

    @property
    def link(self):
        return str(self.host.link(NODE_URL))

    def prompt(self, seal, now=0):
        verdict = self.host.take_prompt(seal, now)
        if isinstance(verdict, Asked):
            return {"kind": "asked", "name": verdict.name, "ack": verdict.ack}
        if isinstance(verdict, Returned):
            return {"kind": "returned", "seal": verdict.seal}
        return {"kind": str(verdict)}

    def approve(self, code):
        terms = Terms(TERMS["name"], SessionType(TERMS["type"]), TERMS["left"])
        return self.host.approve(code, terms)._asdict()

    def peer(self):
        return None if self.host.peer is None else PythonPeer(self.host.peer)


class PythonGuest:
    def __init__(self, guest):
        self.guest = guest
        self.seal = guest.state.seal

    def take_ack(self, ack):
        return self.guest.take_ack(ack)

    def code(self):
        return self.guest.code

    def take_answer(self, seal):
        answer = self.guest.take_answer(seal, is_approved=True)
        if answer is None:
            return None
        name, kind, left = answer.terms
        return {"approved": answer.approved, "name": name, "type": str(kind), "left": left}

    def peer(self):
        return None if self.guest.peer is None else PythonPeer(self.guest.peer)


class JavaScript:
    """Makes hosts and guests of the browser SDK, in one process of Node.js."""

    name = "JavaScript"

    def __init__(self):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            ["node", str(DRIVER)], stdin=pipe, stdout=pipe, text=True, encoding="utf-8"
        )

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def ask(self, command, **fields):
        self.process.stdin.write(json.dumps({"command": command, **fields}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def host(self, session_id):
        return JavaScriptHost(self, self.ask("host", sessionId=session_id))

    def host_again(self, session_id, secret):
        """Return the host of a session that was approved before a reload."""
        id = self.ask("hostOf", sessionId=session_id, secret=secret.hex())
        return JavaScriptHost(self, id)

    def guest(self, link, name):
        return JavaScriptGuest(self, self.ask("guest", link=link, name=name))

    def are_allowed(self, names):
        return self.ask("names", names=names)


class _InNode:
    def __init__(self, node, id):
        self.node = node
        self.id = id

    def ask(self, command, **fields):
        return self.node.ask(command, id=self.id, **fields)


class JavaScriptHost(_InNode):
    @property
    def link(self):
        return self.ask("link", nodeUrl=NODE_URL)

    def prompt(self, seal, now=0):
        verdict = self.ask("prompt", seal=seal, now=now)
        verdict.pop("isNew", None)
        return verdict

    def approve(self, code):
        return self.ask("approve", code=code, terms=TERMS)

    def peer(self):
        id = self.ask("peerOf")
        return None if id is None else JavaScriptPeer(self.node, id, "h")


class JavaScriptGuest(_InNode):
    def __init__(self, node, id):
        super().__init__(node, id)
        self.seal = self.ask("state")["seal"]

    def take_ack(self, ack):
        return self.ask("ack", ack=ack)["opens"]

    def code(self):
        return self.ask("ack", ack="")["code"]

    def take_answer(self, seal):
        return self.ask("answer", seal=seal)

    def peer(self):
        id = self.ask("peerOf")
        return None if id is None else JavaScriptPeer(self.node, id, "g")


class JavaScriptPeer(_InNode):
    def __init__(self, node, id, role):
        super().__init__(node, id)
        self.role = role
        self.secret = bytes.fromhex(self.ask("secret"))

    def start(self):
        return self.ask("start")

    def return_seal(self):
        return self.ask("returnSeal")

    def is_ready(self):
        return self.ask("isReady")

    def seal(self, data):
        return self.ask("seal", data=data)

    def receive(self, data, now):
        return self.told(self.ask("receive", data=data, now=now))

    def take_return(self, seal, now):
        return self.told(self.ask("takeReturn", seal=seal, now=now))

    @staticmethod
    def told(got):
        opened = got.get("opened")
        if opened is not None:
            opened = (opened["data"], opened["missed"])
        return opened, got.get("notice"), got.get("send")

    def reloaded(self):
        id = self.node.ask("peer", role=self.role, secret=self.secret.hex())
        return JavaScriptPeer(self.node, id, self.role)


def pair(hosts, guests, name="Zoë’s phone 📱"):
    """Pair a host and a guest of two languages; return their peers."""
    host = hosts.host("s" * 22)
    guest = guests.guest(host.link, name)
    verdict = host.prompt(guest.seal)
    assert verdict["kind"] == "asked"
    assert verdict["name"] == name
    assert guest.take_ack(verdict["ack"])
    decision = host.approve(guest.code())
    assert decision["approve"]
    assert guest.take_answer(decision["seal"]) == TERMS | {"approved": True}
    return host.peer(), guest.peer()

"""A hostile node chooses what the commands show, and not what the terminal or the shell does."""

import json
import re
import shlex
import threading
from contextlib import contextmanager

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response
from websockets.sync.server import serve

from proxim import lan
from proxim.backends.redis.status import NodeStatus
from proxim.cli import main
from proxim.protocol.link import parse_link

ID, TOKEN = "i" * 22, "t" * 43
EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\r\n\u202e'; echo x; '$(x)`x`[red]\x00"
OWN_COLOURS = ("\x1b[38;2;0;0;0;48;2;255;255;255m", "\x1b[0m")

texts = st.one_of(
    st.just(EVIL),
    st.text(st.sampled_from("ab \x1b[]m;\x07\r\n\x9b\u202e\u2028\\'\"$`"), max_size=40),
)
numbers = st.one_of(st.sampled_from([1e308, -1e308, 1e18, 0.0, -1.0, 40.0]), st.floats(-1e9, 1e9))
links = st.one_of(
    st.none(),
    texts,
    st.just(f"https://node.example/join#{ID}.{TOKEN}"),
    st.sampled_from(["';x;'", "$(x)", "`x`", "\\", '"', "&x&", "%0a", "x" * 3000]).map(
        lambda path: f"https://node.example/{path}/join#{ID}.{TOKEN}"
    ),
)
plots = st.fixed_dictionaries(
    {
        "text": texts,
        "session_id": texts,
        "name": texts.map(lambda text: text[:64] or "x"),
        "number": numbers,
        "link": links,
        "data": st.recursive(
            texts | numbers, lambda each: st.lists(each, max_size=3), max_leaves=5
        ),
        "refuses": st.sampled_from(
            [None, "register", "create_session", "pair_decision", "pair_request"]
        ),
        "code": st.one_of(st.sampled_from(["bad_message", "token_used", "internal_error"]), texts),
    }
)


class HostileNode:
    """Answers each request by its ``plot``."""

    def __init__(self):
        self.plot = {}
        self._server = serve(
            self._converse,
            "127.0.0.1",
            0,
            subprotocols=["proxim.v1"],
            process_request=self._answer,
        )
        self.url = f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    @contextmanager
    def running(self):
        thread = threading.Thread(target=self._server.serve_forever)
        thread.start()
        yield self
        self._server.shutdown()
        thread.join()

    def _answer(self, connection, request):
        if request.path == "/ws":
            return None
        number, text = self.plot["number"], self.plot["text"]
        # The parser would take a carriage return for the end of a line.
        text = text.replace("\r", "").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        body = (
            f'proxim_sessions{{type="{text}",status="pending"}} {number}\n'
            f'proxim_info{{version="{text}"}} 1.0\nproxim_info{{version="2"}} NaN\n'
            f'proxim_refusals_total{{limit="{text}"}} {number}\n'
            f"proxim_signals_total {number}\nprocess_resident_memory_bytes {number}\n"
            f"proxim_actor_crashes_total {number}\n"
        )
        if request.path == "/healthz":
            body = self.plot["text"]
        status = 200 if self.plot["refuses"] is None else 503
        return Response(status, "OK", Headers(), body.encode())

    def _converse(self, socket):
        try:
            self._say(socket, "welcome", protocol=1, server=self.plot["text"])
            for frame in socket:
                request = json.loads(frame)
                self._reply(socket, request["type"], request.get("ref"))
        except ConnectionClosed:
            pass

    def _say(self, socket, kind, ref=None, **fields):
        if kind == "welcome":
            fields |= {"approval_timeout": self.plot["number"], "max_message_bytes": 65536}
            fields["features"] = self.plot.get("features", ["confirm"])
        if ref is not None:
            fields["ref"] = ref
        socket.send(json.dumps({"type": kind, **fields}))

    def _reply(self, socket, kind, ref):
        plot, say = self.plot, lambda kind, **fields: self._say(socket, kind, **fields)
        if kind == plot["refuses"]:
            say("error", ref=ref, code=plot["code"], message=plot["text"])
            return
        session_id = plot["session_id"]
        device = {"name": plot["name"], "id": plot["name"]}
        session = {
            "session_id": session_id,
            "uuid": plot["text"],
            "session_type": "one_time",
            "created_at": "9999-12-31T23:59:59Z",
            "expires_at": None,
            "status": "pending",
            "device_info": device,
            "host_online": True,
            "guest_online": False,
        }
        waits = {"session_id": session_id, "expires_in": plot["number"]}
        result = {"session_id": session_id, "status": "approved", "device_info": device}
        match kind:
            case "register":
                earlier = session | {"session_id": f"{session_id}0"}
                say("registered", ref=ref, uuid=plot["text"], sessions=[earlier])
            case "list_sessions":
                say("sessions", ref=ref, sessions=[session])
            case "create_session":
                link = {} if plot["link"] is None else {"link": plot["link"]}
                within = {"pair_within": plot["number"]}
                say("session_created", ref=ref, session=session, **within, **link)
                say("pair_prompt", device_info=device, **waits)
            case "pair_request":
                say("pair_pending", ref=ref, resume_token=plot["text"], **waits)
                say("pair_result", **result)
            case "pair_decision":
                say("pair_result", ref=ref, **result)
            case "close_session":
                say(
                    "session_ended",
                    ref=ref,
                    session_id=session_id,
                    status="expired",
                    reason="closed",
                )
        if kind in ("pair_request", "pair_decision"):
            say("signal", session_id=session_id, data=plot["data"])
            if nested := plot.get("nested"):
                head = f'{{"type":"signal","session_id":"{session_id}","data":'
                socket.send(f"{head}{'[' * nested}{']' * nested}}}")
            say("peer_offline", session_id=session_id)
            say("session_ended", session_id=session_id, status="expired", reason="closed")


@pytest.fixture(scope="module")
def hostile():
    with HostileNode().running() as node:
        yield node


def invoke(tmp_path, *arguments):
    environ = {"PROXIM_IDENTITY": str(tmp_path / "identity.json"), "PROXIM_NODE": None}
    # With colours: otherwise click itself removes escape sequences.
    done = CliRunner().invoke(main, arguments, env=environ, prog_name="proxim", color=True)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code in (0, 1, 2, 3)
    return done.output


COMMANDS = [
    ("host", "--yes", "--plain", "--node", "{url}"),
    ("join", "{url}/join#" + f"{ID}.{TOKEN}"),
    ("sessions", "list", "--node", "{url}"),
    ("sessions", "close", "--all", "--node", "{url}"),
    ("status", "{url}", "--once"),
    ("nodes", "--wait", "1"),
    ("health", "--port", "{port}"),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda each: " ".join(each[:2]))
@settings(
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(plot=plots)
def test_what_a_node_says_is_shown_as_text(tmp_path, monkeypatch, hostile, command, form, plot):
    async def find(_):
        return [lan.Neighbour(plot["text"], ["127.0.0.1"], 1, plot["text"])]

    monkeypatch.setattr(lan, "find", find)
    hostile.plot = plot
    form = () if command[0] == "health" else form
    port = hostile.url.rpartition(":")[2]
    out = invoke(tmp_path, *(part.format(url=hostile.url, port=port) for part in command), *form)
    for colour in OWN_COLOURS:
        out = out.replace(colour, "")
    assert [char for char in out if not char.isprintable() and char != "\n"] == []
    if form:
        for line in out.splitlines():
            if line.startswith("{"):
                json.loads(line)
    else:
        # No number fills the screen.
        assert not re.search(r"\d{30}", out)
    for line in out.splitlines():
        if " join " in line and "http" in line and not form:
            *_, verb, link = shlex.split(line)
            assert (verb, str(parse_link(link))) == ("join", link)


PLAIN = {
    "text": "x",
    "session_id": "s",
    "name": "x",
    "number": 40.0,
    "link": f"https://node.example/join#{ID}.{TOKEN}",
    "data": 1,
    "refuses": None,
    "code": "token_used",
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(
    ("form", "said"),
    [((), "Approved."), (("--json",), '"event": "result", "status": "approved"')],
    ids=["text", "json"],
)
def test_deeply_nested_signal_is_not_a_crash(tmp_path, hostile, form, said):
    # Some depth is accepted when the message is read, and too deep when it is shown.
    for nested in [*range(880, 1000, 4), 100_000]:
        hostile.plot = PLAIN | {"nested": nested}
        out = invoke(tmp_path, "host", "--yes", "--plain", "--node", hostile.url, *form)
        assert said in out


def test_url_that_is_not_a_link_is_not_printed_for_copying(tmp_path, hostile):
    hostile.plot = PLAIN | {"link": "https://node.example/'; echo x; '"}
    out = invoke(tmp_path, "host", "--yes", "--plain", "--node", hostile.url)
    assert "the link that the node sent cannot be used" in out
    assert "echo x" not in out


def test_link_to_a_page_of_the_operator_is_shown_before_its_command(tmp_path, hostile):
    link = f"https://app.example/pair?x=1#{ID}.{TOKEN}"
    hostile.plot = PLAIN | {"link": link}
    out = invoke(tmp_path, "host", "--yes", "--plain", "--node", hostile.url)
    assert f"pen this link on the other device:\n  {link}\n" in out
    where, command = out.index("pen this link"), f'\n  proxim join "{link}" --node {hostile.url}\n'
    assert where < out.index(f"Or run this on another computer:{command}")


def test_link_is_quoted_for_the_shell(tmp_path, hostile):
    link = f"https://node.example/';echo$IFS'x';'/join#{ID}.{TOKEN}"
    hostile.plot = PLAIN | {"link": link}
    out = invoke(tmp_path, "host", "--yes", "--plain", "--node", hostile.url)
    (line,) = [each for each in out.splitlines() if " join " in each]
    assert shlex.split(line)[-1] == link


def test_node_that_cannot_check_the_number_is_refused(tmp_path, hostile):
    hostile.plot = PLAIN | {"features": []}
    out = invoke(tmp_path, "host", "--plain", "--json", "--node", hostile.url)
    (event,) = map(json.loads, out.splitlines())
    assert (event["event"], event["code"]) == ("error", "not_supported")
    assert "too old" in event["message"]


def test_node_that_cannot_carry_seals_is_refused_with_the_way_out(tmp_path, hostile):
    out = invoke(tmp_path, "host", "--json", "--node", hostile.url)
    (event,) = map(json.loads, out.splitlines())
    assert (event["event"], event["code"]) == ("error", "seal_unavailable")
    assert "too old; --plain opens" in event["message"]


def test_endless_time_is_clamped(tmp_path, hostile):
    hostile.plot = PLAIN | {"number": 1e308}
    out = invoke(tmp_path, "host", "--yes", "--plain", "--json", "--node", hostile.url)
    events = {each["event"]: each for each in map(json.loads, out.splitlines())}
    for event, field in (("session", "pair_within"), ("prompt", "expires_in")):
        assert events[event][field] == 10 * 365 * 86_400


def test_endless_time_is_clamped_on_the_screen(start, hostile):
    hostile.plot = PLAIN | {"number": 1e308}
    desk = start("host", "--plain", "--node", hostile.url, terminal=True)
    # Ten years.
    desk.see(r"Esc declines\. 52(56000:00|55999:\d\d) left\.")


@pytest.mark.parametrize("code", ["bad_message", "token_used", "new_code"])
def test_refusal_of_a_node_is_shown_as_text(tmp_path, hostile, code):
    hostile.plot = PLAIN | {"text": EVIL, "refuses": "pair_request", "code": code}
    out = invoke(tmp_path, "join", f"{hostile.url}/join#{ID}.{TOKEN}")
    assert "\\x1b]0;title\\x07" in out
    assert [char for char in out if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize("columns", ["40", "250"])
def test_what_redis_says_of_a_node_is_shown_as_text(tmp_path, monkeypatch, columns):
    evil = NodeStatus(
        node=EVIL, url=EVIL, at=EVIL, version=EVIL, lease_left=1e308, silent=1e308, lag=1e308
    )

    async def status(_):
        return [evil, NodeStatus(lag=1e308)]

    monkeypatch.setattr("proxim.cli.cluster._status", status)
    monkeypatch.setenv("COLUMNS", columns)
    out = invoke(tmp_path, "cluster", "status")
    assert "[red]" in out
    assert [char for char in out if not char.isprintable() and char != "\n"] == []
    assert not re.search(r"\d{30}", out)

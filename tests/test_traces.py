"""Spans made with the real SDK, exported to memory."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import trio
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from proxim.client import open_host
from proxim.extras import how_to_install
from proxim.node import Node as WholeNode
from proxim.protocol import messages as wire
from proxim.protocol.messages import SessionType
from proxim.settings import Settings
from proxim.traces import Traces
from tests.actors.helpers import DEVICE, KEY, Node, crash_at


@pytest.fixture
def exporter():
    return InMemorySpanExporter()


@pytest.fixture
def traces(exporter):
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Traces(provider)


@pytest.fixture
async def node(nursery, traces):
    node = Node(observer=traces)
    await nursery.start(node.supervisor.run)
    return node


@pytest.fixture
def spans(exporter):
    """Return the exported spans by name."""
    return lambda name: [span for span in exporter.get_finished_spans() if span.name == name]


async def test_session_has_a_span_with_a_prompt_span(autojump_clock, node, spans):
    meeting = await node.pairs()
    (prompt,) = spans("prompt")
    assert spans("session") == []
    await meeting.host.asks(meeting.close())
    (session,) = spans("session")
    assert prompt.attributes == {"proxim.prompt.outcome": "approved"}
    assert prompt.parent.span_id == session.context.span_id
    assert session.attributes == {
        "proxim.session.type": "persistent",
        "proxim.session.reason": "closed",
    }


async def test_unanswered_prompt_is_marked_in_its_span(autojump_clock, node, spans):
    await node.prompts()
    await trio.sleep(41)
    assert spans("prompt")[0].attributes == {"proxim.prompt.outcome": "timed_out"}
    assert spans("session")[0].attributes["proxim.session.reason"] == "approval_timeout"


async def test_crash_sets_the_error_status(autojump_clock, node, spans, monkeypatch):
    meeting = await node.prompts()
    crash_at(monkeypatch, meeting.id)
    await meeting.host.asks(wire.RefreshIce(session_id=meeting.id))
    (session,) = spans("session")
    assert session.status.status_code is StatusCode.ERROR
    assert len(spans("prompt")) == 1


async def test_spans_have_no_identity_and_are_not_kept(autojump_clock, node, spans, traces):
    meeting = await node.pairs()
    await meeting.host.asks(meeting.close())
    await trio.sleep(31)
    told = "".join(span.to_json() for name in ("session", "prompt") for span in spans(name))
    for secret in (meeting.id, meeting.token, meeting.resume_token, KEY, DEVICE.name, DEVICE.id):
        assert secret not in told
    assert not traces._session_spans
    assert not traces._prompt_spans


def test_traces_are_off_by_default():
    assert not isinstance(WholeNode(Settings()).supervisor.observer, Traces)
    assert isinstance(WholeNode(Settings(traces=True)).supervisor.observer, Traces)
    code = "import sys, proxim.cli.serve; print('opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_missing_trace_libraries_are_named():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from proxim.cli import main; main(['serve', '--port', '0', '--traces'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert how_to_install("otel") in done.stderr


class Collector(BaseHTTPRequestHandler):
    """Receives exported spans like an OpenTelemetry collector."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def collector():
    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        server.received = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def open_and_close(url):
    async with open_host(url, uuid="desk") as host:
        session = await host.create(SessionType.ONE_TIME)
        await session.close()
        return session.session_id


def test_spans_are_exported_before_the_exit(collector):
    endpoint = f"http://127.0.0.1:{collector.server_port}"
    environ = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "proxim", "serve", "--port", "0", "--traces"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            url = process.stdout.readline().split()[-1]
            session_id = trio.run(open_and_close, url)
        finally:
            process.terminate()
    ((path, body), *_) = collector.received
    assert path == "/v1/traces"
    assert b"proxim.session.type" in body
    assert session_id.encode() not in body

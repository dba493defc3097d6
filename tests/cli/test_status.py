import json
import math
import re

import pytest
from rich.console import Console

from proxim.cli.dashboard import draw, sparkline
from proxim.cli.fetch import metrics_url
from proxim.protocol.errors import InvalidSetting
from tests.cli.test_scrape import scrape


def test_json_status_shows_a_new_session(start, run, serve):
    url = serve()
    out, _, _ = run("status", url, "--once", "--json")
    assert json.loads(out)["sessions"]["one_time"]["pending"] == 0
    host = start("host", "--yes", "--json", "--node", url)
    host.event("session")
    out, err, code = start("status", url, "--once", "--json").finish()
    assert (err, code) == ("", 0)
    seen = json.loads(out)
    assert seen["sessions"]["one_time"] == {
        "pending": 1,
        "approved": 0,
        "rejected": 0,
        "expired": 0,
    }
    assert (seen["connections"], seen["prompts"], seen["crashes"]) == (1, 0, 0)
    assert seen["memory_bytes"] > 1_000_000


def test_live_status_shows_changes_and_a_lost_node(start):
    node = start("serve", "--port", "0")
    url = node.url()
    person = start("status", url, "--every", "0.1", terminal=True)
    person.see(r"connections +0 ")
    host = start("host", "--yes", "--json", "--node", url)
    host.event("session")
    person.see(r"connections +1 .*█")
    person.see(r"Once +1 ")
    node.process.terminate()
    node.exit()
    person.see("Can't reach the node")
    person.type("\x03")
    assert person.exit() == 0


def test_status_once_prints_plain_text_to_a_pipe(start, node):
    out, err, code = start("status", node, "--once").finish()
    assert (err, code) == ("", 0)
    assert "\x1b" not in out
    assert re.search(r"Sessions +waiting +approved +declined +ended", out)
    assert "Until closed" in out
    assert "0 code expired, 0 code used twice" in " ".join(out.split())
    assert "late by" in out


@pytest.mark.parametrize("node", ["ftp://x", "http://", ""])
def test_invalid_url_is_wrong_usage(run, node):
    _, err, code = run("status", node)
    assert code == 2
    assert "not the URL of a node" in err


def test_status_of_an_unreachable_node_exits_3(run):
    _out, _err, code = run("status", "http://127.0.0.1:1", "--once")
    assert code == 3


def test_refused_metrics_come_with_advice(run, serve):
    url = serve("--trusted-proxy", "127.0.0.1")
    out, err, code = run("status", url, "--once")
    assert code == 3
    assert "metrics_listen" in out + err


def test_metrics_url_is_made_from_the_url_of_a_node():
    assert metrics_url("127.0.0.1:9765") == "http://127.0.0.1:9765/metrics"
    assert metrics_url("https://node/base/") == "https://node/base/metrics"
    assert metrics_url("http://node/metrics") == "http://node/metrics"
    with pytest.raises(InvalidSetting):
        metrics_url("http://")


def test_bars_are_proportional_to_values():
    assert sparkline([0, 1, 2, 4, 8]) == "▁▂▃▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([math.nan, 1]) == " █"


@pytest.mark.parametrize("width", [20, 38, 80, 200])
def test_lines_fit_the_terminal(width):
    scrapes = [scrape(f"{n}.0", at=float(n)) for n in range(1, 300)]
    console = Console(width=width, height=24)
    lines = console.render_lines(draw("http://127.0.0.1:8765", scrapes))
    for line in lines:
        assert sum(segment.cell_length for segment in line) <= width
    text = "\n".join("".join(segment.text for segment in line) for line in lines)
    assert "connections" in text

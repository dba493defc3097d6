import json
import math

import pytest
from rich.console import Console

from proxim.cli.dashboard import draw, sparkline
from proxim.cli.fetch import metrics_url
from proxim.protocol.errors import InvalidSetting
from tests.cli.test_scrape import scrape


def test_a_script_sees_a_session_come(start, run, serve):
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


def test_a_person_sees_it_go_on_until_the_node_goes_and_comes_back(start):
    node = start("serve", "--port", "0")
    url = node.url()
    person = start("status", url, "--every", "0.1", terminal=True)
    person.see(r"connections +0 ")
    host = start("host", "--yes", "--json", "--node", url)
    host.event("session")
    person.see(r"connections +1 .*█")
    person.see(r"one_time +1 ")
    node.process.terminate()
    node.exit()
    person.see("Not reachable; this is how it was")
    person.type("\x03")
    assert person.exit() == 0


def test_once_is_plain_text_for_a_pipe(start, node):
    out, err, code = start("status", node, "--once").finish()
    assert (err, code) == ("", 0)
    assert "\x1b" not in out
    assert "persistent" in out
    assert "late by" in out


@pytest.mark.parametrize("node", ["ftp://x", "http://", ""])
def test_what_is_no_address_is_wrong_usage(run, node):
    _, err, code = run("status", node)
    assert code == 2
    assert "no address of a node" in err


def test_a_node_that_is_not_there_is_told(run):
    _out, _err, code = run("status", "http://127.0.0.1:1", "--once")
    assert code == 3


def test_a_node_that_does_not_tell_says_what_would_help(run, serve):
    url = serve("--trusted-proxy", "127.0.0.1")
    out, err, code = run("status", url, "--once")
    assert code == 3
    assert "metrics_listen" in out + err


def test_where_figures_are():
    assert metrics_url("127.0.0.1:9765") == "http://127.0.0.1:9765/metrics"
    assert metrics_url("https://node/base/") == "https://node/base/metrics"
    assert metrics_url("http://node/metrics") == "http://node/metrics"
    with pytest.raises(InvalidSetting):
        metrics_url("http://")


def test_bars_are_as_high_as_what_they_show():
    assert sparkline([0, 1, 2, 4, 8]) == "▁▂▃▅█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([math.nan, 1]) == " █"


@pytest.mark.parametrize("width", [20, 38, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    scrapes = [scrape(f"{n}.0", at=float(n)) for n in range(1, 300)]
    console = Console(width=width, height=24)
    lines = console.render_lines(draw("http://127.0.0.1:8765", scrapes))
    for line in lines:
        assert sum(segment.cell_length for segment in line) <= width
    text = "\n".join("".join(segment.text for segment in line) for line in lines)
    assert "connections" in text

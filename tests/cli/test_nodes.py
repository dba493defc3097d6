"""``proxim nodes``, and a node that announces itself to it."""

import json

import pytest

from tests.test_lan import missing


@pytest.fixture
def announced(start):
    if why := missing():
        pytest.skip(why)
    # Without a name, and followed by another option.
    return start("serve", "--announce", "--port", "0").url()


def test_announced_node_is_listed(run, announced):
    port = int(announced.rpartition(":")[2])
    while True:
        out, _, code = run("nodes", "--json", "--wait", "1")
        assert code == 0
        nodes = [json.loads(line) for line in out.splitlines()]
        if ours := [node for node in nodes if node["port"] == port]:
            break
    assert ours[0].keys() == {"event", "name", "addresses", "port", "version"}
    assert ours[0]["name"].startswith("Proxim")
    out, _, code = run("nodes", "--wait", "1")
    assert code == 0
    assert f"127.0.0.1:{port}" in out

"""What is given to those who watch a node speaks of metrics that exist."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxim.actors.stats import LIMITS, OUTCOMES
from proxim.metrics import exposition
from proxim.node import Node

DEPLOY = Path(__file__).parent.parent.parent / "docs" / "deploy"
ALERTS, DASHBOARD = DEPLOY / "alerts.yml", DEPLOY / "grafana.json"


def told():
    """All that a node with a store exposes."""
    node = Node(store="sqlite:////nowhere/sessions.db", store_key="k" * 32)
    return exposition(node.supervisor, node.net_stats)


def known():
    families = text_string_to_metric_families(told())
    return {sample.name for family in families for sample in family.samples}


def expressions():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"]]
    rules = re.findall(r"^ +expr: (.+)$", ALERTS.read_text(), re.MULTILINE)
    return [*found, *rules]


@pytest.mark.parametrize("expression", expressions())
def test_every_metric_and_every_label_value_that_is_named_exists(expression):
    names = set(re.findall(r"\b(?:proxim|process)_[a-z_]+", expression))
    assert names or expression.startswith("up{")
    assert names <= known()
    for values in re.findall(r'(?:limit|outcome)=~?"([^"$]+)"', expression):
        assert set(values.split("|")) <= {*LIMITS, *OUTCOMES}


def test_no_two_panels_lie_over_each_other():
    seen = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in seen, panel["title"]
                assert x < 24
                seen.add((x, y))


@pytest.mark.full("Prometheus")
@pytest.mark.needs("promtool")
def test_prometheus_takes_the_alert_rules_and_the_expressions(tmp_path):
    done = subprocess.run(
        ["promtool", "check", "rules", ALERTS], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rules = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    # JSON is YAML.
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full("Prometheus")
@pytest.mark.needs("promtool")
def test_prometheus_finds_nothing_wrong_with_the_exposition():
    text = told()
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")

"""Each alert fires when what it is about goes wrong, and none while all is well."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ALERTS = Path(__file__).parent.parent.parent / "docs" / "deploy" / "alerts.yml"

# Minute by minute for three hours, as promtool writes it: start, growth, how often.
WELL = {
    "up": "1x180",
    "proxim_actor_crashes_total": "0x180",
    'proxim_refusals_total{limit="max_sessions"}': "0x180",
    'proxim_refusals_total{limit="message_rate"}': "0+99x180",
    'proxim_refusals_total{limit="guesses_per_address"}': "0+1x180",
    "process_open_fds": "100x180",
    "process_max_fds": "1000x180",
    "proxim_store_failing": "0x180",
    "proxim_outboxes_behind": "3x180",
    'proxim_expiry_lateness_seconds_bucket{le="1.0"}': "0+500x180",
    'proxim_expiry_lateness_seconds_bucket{le="2.5"}': "0+501x180",
    'proxim_expiry_lateness_seconds_bucket{le="+Inf"}': "0+501x180",
    'proxim_pairings_total{outcome="timed_out"}': "0+1x180",
    'proxim_pairings_total{outcome="approved"}': "0+2x180",
}
AILING = {
    "ProximDown": {"up": "0x180"},
    "ProximSessionsCrash": {"proxim_actor_crashes_total": "0x170 1x9"},
    "ProximFull": {'proxim_refusals_total{limit="max_sessions"}': "0x170 1x9"},
    "ProximDescriptors": {"process_open_fds": "801x180"},
    "ProximStore": {"proxim_store_failing": "1x180"},
    "ProximGuessing": {'proxim_refusals_total{limit="guesses_per_address"}': "0+6x180"},
    "ProximSlowReaders": {"proxim_outboxes_behind": "101x180"},
    "ProximLate": {'proxim_expiry_lateness_seconds_bucket{le="1.0"}': "0+400x180"},
    "ProximNobodyAnswers": {'proxim_pairings_total{outcome="timed_out"}': "0+3x180"},
}


def firing(tmp_path, figures, expected):
    """What promtool says when these alerts are to fire after three hours, and no others."""
    node = 'job="proxim",instance="node:9765"'
    series = []
    for each, values in figures.items():
        name, _, labels = each.rstrip("}").partition("{")
        labels = ",".join(filter(None, (labels, node)))
        series.append({"series": f"{name}{{{labels}}}", "values": values})
    alerts = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": "179m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in expected],
    }
    test = {"interval": "1m", "input_series": series, "promql_expr_test": [alerts]}
    path = tmp_path / "test.yml"
    # JSON is YAML.
    path.write_text(json.dumps({"rule_files": [str(ALERTS)], "tests": [test]}))
    return subprocess.run(
        ["promtool", "test", "rules", path], capture_output=True, text=True, timeout=60
    )


@pytest.mark.full("Prometheus")
@pytest.mark.needs("promtool")
def test_nothing_fires_while_all_is_well(tmp_path):
    done = firing(tmp_path, WELL, [])
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.full("Prometheus")
@pytest.mark.needs("promtool")
@pytest.mark.parametrize("name", AILING)
def test_an_alert_fires_when_its_trouble_is_there_and_no_other_does(tmp_path, name):
    done = firing(tmp_path, {**WELL, **AILING[name]}, [name])
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tried():
    assert set(re.findall(r"alert: (\w+)", ALERTS.read_text())) == set(AILING)

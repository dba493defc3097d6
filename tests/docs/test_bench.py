"""The report of the benchmark can be made of whatever a run measured."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def bench():
    """The modules of the benchmark that read its results, which lie outside of all packages."""
    sys.path.insert(0, str(ROOT / "bench"))
    try:
        import chart
        import report
    finally:
        sys.path.remove(str(ROOT / "bench"))
    return report, chart


@pytest.fixture
def results():
    return json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))


def test_server_that_did_nothing_in_its_time_has_no_ratio(bench, results):
    report, chart = bench
    for measure in results["results"].values():
        measure[report.BASE] = [0.0 for _ in measure.get(report.BASE, [0.0])]
    assert "| cycles per second | 0 | **–** | – |" in report.rates(results)
    assert "| handshakes, to PeerJS | – | – | – |" in report.goal_table(results)
    assert report.text(results)
    assert ">–</text>" in chart.draw(results)


def test_results_from_before_a_measure_came_say_so(bench, results):
    report, _ = bench
    prefixes = (report.APPROVAL, report.BACK, report.TLS, report.SEALED)
    old = [name for name in results["results"] if not name.startswith(prefixes)]
    results["results"] = {name: results["results"][name] for name in old}
    assert report.text(results).count(report.NOT_MEASURED) == len(prefixes)


def test_what_users_compare_is_in_the_report(bench, results):
    report, _ = bench
    results["results"] |= {
        f"{report.APPROVAL}p50_us: 50 a second": {
            "Proxim": [400.0],
            "PeerJS": [200.0],
            "ws relay": [300.0],
        },
        f"{report.APPROVAL}p99_us: 50 a second": {
            "Proxim": [4000.0],
            "PeerJS": [2000.0],
            "ws relay": [9000.0],
        },
        f"{report.BACK}until 400 are there, ms": {"Proxim": [70.0], "PeerJS": [140.0]},
        f"{report.TLS}a signal: plain": {"Proxim": [10.0], "PeerJS": [20.0]},
        f"{report.TLS}a signal: tls": {"Proxim": [50.0], "PeerJS": [25.0]},
        f"{report.SEALED}plain": {"Proxim": [50.0]},
        f"{report.SEALED}sealed": {"Proxim": [49.0]},
    }
    text = report.text(results)
    assert "| 50 a second | 0.40 | 4.00 | 0.20 | 2.00 | 0.30 | 9.00 |" in text
    assert "| until 400 are there, ms | 70 | 140 | **0.50** |" in text
    assert "| a signal | 5.00 | 1.25 | **2.00** |" in text
    assert "0.98 times" in text

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

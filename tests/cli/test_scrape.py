import math

import pytest

from proxim.cli.scrape import Scrape

TEXT = """\
# HELP proxim_sessions Sessions in memory.
# TYPE proxim_sessions gauge
proxim_sessions{status="pending",type="one_time"} 2.0
proxim_sessions{status="approved",type="one_time"} 1.0
proxim_sessions{status="approved",type="temporary"} 4.0
proxim_signals_total %s
proxim_late_bucket{le="0.1"} 5.0
proxim_late_bucket{le="1.0"} 9.0
proxim_late_bucket{le="+Inf"} 10.0
proxim_none_bucket{le="+Inf"} 0.0
"""


def scrape(signals, at=0.0):
    return Scrape(TEXT % signals, at=at)


def test_samples_are_summed_by_their_labels():
    now = scrape("7.0")
    assert now.total("proxim_sessions") == 7
    assert now.total("proxim_sessions", status="approved") == 5
    assert now.total("proxim_sessions", status="approved", type="temporary") == 4
    assert now.total("proxim_nothing") == 0
    assert now.counts("proxim_sessions", "type") == {"one_time": 3, "temporary": 4}


def test_rate_is_the_growth_of_a_counter_per_second():
    first, second = scrape("10.0", at=100.0), scrape("30.0", at=104.0)
    assert second.rate(first, "proxim_signals_total") == 5
    assert second.rate(None, "proxim_signals_total") == 0
    assert first.rate(second, "proxim_signals_total") == 0
    restarted = scrape("1.0", at=105.0)
    assert restarted.rate(second, "proxim_signals_total") == 0


def test_quantile_is_the_bound_of_a_bucket():
    now = scrape("0.0")
    assert now.quantile("proxim_late", 0.5) == 0.1
    assert now.quantile("proxim_late", 0.9) == 1
    assert now.quantile("proxim_late", 0.99) == math.inf
    assert math.isnan(now.quantile("proxim_none", 0.5))
    assert math.isnan(now.quantile("proxim_absent", 0.5))


@pytest.mark.parametrize("text", ["", "<html>", "go_goroutines 7\n"])
def test_other_text_than_a_nodes_metrics_is_refused(text):
    with pytest.raises(ValueError, match="Proxim"):
        Scrape(text, at=0.0)

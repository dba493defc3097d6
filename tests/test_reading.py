import math

import pytest

from proxim.reading import read

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


def test_samples_are_summed_by_their_labels():
    reading = read(TEXT % "7.0")
    assert reading.total("proxim_sessions") == 7
    assert reading.total("proxim_sessions", status="approved") == 5
    assert reading.total("proxim_sessions", status="approved", type="temporary") == 4
    assert reading.total("proxim_nothing") == 0
    assert reading.by("proxim_sessions", "type") == {"one_time": 3, "temporary": 4}


def test_a_rate_is_what_a_counter_grew_in_the_time_between():
    first, second = read(TEXT % "10.0", at=100.0), read(TEXT % "30.0", at=104.0)
    assert second.rate(first, "proxim_signals_total") == 5
    assert second.rate(None, "proxim_signals_total") == 0
    assert first.rate(second, "proxim_signals_total") == 0
    restarted = read(TEXT % "1.0", at=105.0)
    assert restarted.rate(second, "proxim_signals_total") == 0


def test_a_quantile_is_the_bound_below_which_so_many_lie():
    reading = read(TEXT % "0.0")
    assert reading.quantile("proxim_late", 0.5) == 0.1
    assert reading.quantile("proxim_late", 0.9) == 1
    assert reading.quantile("proxim_late", 0.99) == math.inf
    assert math.isnan(reading.quantile("proxim_none", 0.5))
    assert math.isnan(reading.quantile("proxim_absent", 0.5))


@pytest.mark.parametrize("text", ["", "<html>", "go_goroutines 7\n"])
def test_what_is_of_no_node_is_no_reading(text):
    with pytest.raises(ValueError, match="Proxim"):
        read(text)

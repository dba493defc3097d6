from itertools import islice, pairwise

import pytest

from proxim.client.backoff import delays


def test_delay_grows_from_one_second_by_half_to_a_minute():
    waits = list(islice(delays(lambda: 1.0), 20))
    assert waits[:3] == [1.0, 1.5, 2.25]
    for one, other in pairwise(waits):
        assert other == pytest.approx(min(one * 1.5, 60))
    assert waits[-1] == 60


def test_jitter_shortens_a_delay_by_up_to_half():
    assert list(islice(delays(lambda: 0.0), 2)) == [0.5, 0.75]
    waits = {next(delays()) for _ in range(50)}
    assert len(waits) > 1
    assert all(0.5 <= wait <= 1 for wait in waits)

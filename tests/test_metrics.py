import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxim.metrics import Counts, exposition


def samples(counts):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(exposition(counts))
        for sample in family.samples
    }


def test_every_count_is_there_under_its_labels():
    counts = Counts(
        sessions={("one_time", "pending"): 2, ("temporary", "approved"): 1},
        endings={"closed": 3, "expired": 0},
        crashes=4,
        connections=5,
    )
    assert samples(counts) == {
        ("proxim_sessions", (("status", "pending"), ("type", "one_time"))): 2,
        ("proxim_sessions", (("status", "approved"), ("type", "temporary"))): 1,
        ("proxim_sessions_ended_total", (("reason", "closed"),)): 3,
        ("proxim_sessions_ended_total", (("reason", "expired"),)): 0,
        ("proxim_actor_crashes_total", ()): 4,
        ("proxim_connections", ()): 5,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("proxim_sessions", "gauge"),
        ("proxim_sessions_ended", "counter"),
        ("proxim_actor_crashes", "counter"),
        ("proxim_connections", "gauge"),
    ],
)
def test_what_can_fall_is_a_gauge_and_what_cannot_a_counter(name, kind):
    families = text_string_to_metric_families(exposition(Counts({}, {}, 0, 0)))
    assert {family.name: family.type for family in families}[name] == kind


def test_two_nodes_in_one_process_count_apart():
    first, second = (exposition(Counts({}, {}, crashes, 0)) for crashes in (1, 2))
    assert "crashes_total 1.0" in first
    assert "crashes_total 2.0" in second

import pytest
from scipy.stats import poisson

from drift.detect.impact import estimate_alert_rate, rank_features
from payments.contract import INPUTS


def test_features_are_ranked_by_distance_times_reliance():
    distances, reliance = dict.fromkeys((*INPUTS, "margin"), 0.01), dict.fromkeys(INPUTS, 0.01)
    distances |= {"V1": 3.0, "V4": 1.0, "V14": 0.5, "margin": 9.0}
    reliance |= {"V1": 0.001, "V4": 0.1, "V14": 0.3}
    found = rank_features(distances, reliance)
    assert [one.feature for one in found[:3]] == ["V14", "V4", "V1"]
    assert found[0].weight == 0.15
    assert len(found) == len(INPUTS)


@pytest.mark.parametrize("count", [0, 1, 3, 40])
def test_the_interval_is_the_exact_poisson_interval(count):
    found = estimate_alert_rate(count, 5_000, 43_200.0, 0.001)
    assert (found.count, found.per_day, found.usual_per_day) == (count, 2 * count, 10)
    assert poisson.cdf(count, found.high / 2) == pytest.approx(0.025)
    assert (
        found.low == 0
        if count == 0
        else poisson.sf(count - 1, found.low / 2) == pytest.approx(0.025)
    )


def test_no_rate_without_time():
    assert estimate_alert_rate(3, 5_000, 0.0, 0.001) is None

"""Relate drift to the model: rank features by drift times importance, and estimate the alert rate.

The two are reported side by side without claiming a cause: a feature that moved need not explain a
change in alerts.
"""

from collections.abc import Mapping

import msgspec
from scipy.stats import chi2

TOP = 5
LEVEL = 0.95
_DAY_S = 86_400.0


class Ranked(msgspec.Struct, frozen=True):
    """A column, its distance, and the model's reliance on its feature, a share of 1."""

    feature: str
    distance: float
    reliance: float

    @property
    def weight(self) -> float:
        """Return distance times reliance, by which features are ranked."""
        return self.distance * self.reliance


class AlertRate(msgspec.Struct, frozen=True):
    """A window's alerts: count, rate per day with its exact Poisson interval, and expected rate.

    The expected rate is that of the model's reference, at the window's rate of payments.
    """

    count: int
    per_day: float
    low: float
    high: float
    usual_per_day: float


def rank_features(distances: Mapping[str, float], reliance: Mapping[str, float]) -> list[Ranked]:
    """Return the columns of the model's features, those with the largest weight first.

    `reliance`: by column, the model's on its feature.
    """
    features = [Ranked(name, distances[name], share) for name, share in reliance.items()]
    return sorted(features, key=lambda feature: -feature.weight)


def estimate_alert_rate(
    count: int, events: int, seconds: float, alert_share: float
) -> AlertRate | None:
    """Return the rate of `count` alerts among `events` payments; None if no time passed.

    `seconds`: record time. `alert_share`: the share of payments that raise an alert in the
    reference.

    The interval is Garwood's (Biometrika 28, 1936), two-sided at LEVEL.
    """
    if seconds <= 0:
        return None
    low = chi2.ppf((1 - LEVEL) / 2, 2 * count) / 2 if count else 0.0
    high = chi2.ppf((1 + LEVEL) / 2, 2 * count + 2) / 2
    per_day = _DAY_S / seconds
    return AlertRate(
        count,
        count * per_day,
        float(low) * per_day,
        float(high) * per_day,
        alert_share * events * per_day,
    )

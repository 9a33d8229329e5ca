"""From a finding to a decision: which features matter to the model, and whether there are more alerts than usual.

Both are stated, no cause is claimed: a feature that moved need not be why alerts did.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
from scipy.stats import chi2

from payments.contract import INPUTS

TOP = 5
LEVEL = 0.95
_DAY_S = 86_400.0


class Ranked(msgspec.Struct, frozen=True):
    """A feature by how far it moved, in standard deviations, times the model's reliance on it, a share of 1."""

    feature: str
    distance: float
    reliance: float

    @property
    def weight(self) -> float:
        """What features are ranked by."""
        return self.distance * self.reliance


class AlertRate(msgspec.Struct, frozen=True):
    """Alerts in a window, as a rate a day with its exact Poisson interval, and the rate of the model's reference at as many payments."""

    count: int
    per_day: float
    low: float
    high: float
    usual_per_day: float


@dataclass(frozen=True)
class Usual:
    """Of a model: each input's share of the contributions to its margins, and the share of payments that it gives an alert for."""

    reliance: Mapping[str, float]
    alert_share: float


def ranked(distances: Mapping[str, float], reliance: Mapping[str, float]) -> list[Ranked]:
    """The model's inputs, what weighs most first."""
    found = [Ranked(feature, distances[feature], reliance[feature]) for feature in INPUTS]
    return sorted(found, key=lambda one: -one.weight)


def alert_rate(count: int, events: int, seconds: float, alert_share: float) -> AlertRate | None:
    """Of `events` payments in `seconds` of record time; None where no time passed.

    The interval is Garwood's (Biometrika 28, 1936), two-sided at LEVEL.
    """
    if seconds <= 0:
        return None
    low = chi2.ppf((1 - LEVEL) / 2, 2 * count) / 2 if count else 0.0
    high = chi2.ppf((1 + LEVEL) / 2, 2 * count + 2) / 2
    a_day = _DAY_S / seconds
    return AlertRate(
        count, count * a_day, float(low) * a_day, float(high) * a_day, alert_share * events * a_day
    )

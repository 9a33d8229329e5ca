"""Disturbances of a stream of the schema `cards`.

`shift`, `scale`, `stuck` and `missing` change the amount. `unseen:FIELD@FROM:SHARE` gives a share
of the payments a country, currency, channel or mcc that no other payment has. `fraud-rate` and
`surge` are as elsewhere, but a surge begins at a time.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from payments.arrays import Floats, Ints
from producer.errors import SimulationError
from producer.simulation import disturbance
from producer.simulation.cards.payment import Payments
from producer.simulation.cards.places import NAMES
from producer.simulation.disturbance import SHARES, Disturbance, Vocabulary, disturb_column

MISSING = -1  # in place of an amount in cents
_UNSEEN = "unseen"
_ON_AMOUNT = ("shift", "scale", "stuck", "missing")
VOCABULARY = Vocabulary(
    dict.fromkeys(_ON_AMOUNT, ("amount",)) | {_UNSEEN: tuple(NAMES), "fraud-rate": (), "surge": ()},
    f"amount, or {', '.join(NAMES)} for {_UNSEEN}",
    "shift:amount@5000:0.5",
)


def parse(text: str) -> Disturbance:
    """Parse a disturbance. Raise SimulationError with an example of the right form."""
    parsed = disturbance.parse(text, VOCABULARY)
    if parsed.kind == "surge" and not parsed.by_time:
        raise SimulationError(f"{text!r}: a surge takes times, as in surge@30h..31h:10")
    return parsed


class Norm(NamedTuple):
    """Mean and standard deviation of the amounts, in cents."""

    mean: float
    sd: float


def scale_fraud_share(
    disturbances: Sequence[Disturbance], share: float, rows: Ints, seconds: Floats
) -> Floats:
    """Return [n]: the share of frauds at each of these rows and times since the start."""
    shares = np.full(len(rows), share)
    for each in disturbances:
        if each.kind == "fraud-rate":
            shares[each.find_active(rows, seconds)] *= each.size
    return shares


def disturb(
    disturbances: Sequence[Disturbance],
    payments: Payments,
    moments: tuple[Ints, Floats],
    norm: Norm,
    chance: Floats,
) -> None:
    """Change payments in place. `moments`: rows and seconds since the start; `chance`: 0 to 1."""
    for each in disturbances:
        rows = each.find_active(*moments)
        if each.kind in SHARES:
            rows &= chance < each.size
        if each.kind in _ON_AMOUNT:
            cents = disturb_column(each, payments["cents"][rows].astype(np.float64), *norm)
            payments["cents"][rows] = np.where(
                np.isnan(cents), MISSING, np.maximum(np.round(np.nan_to_num(cents)), 0)
            )
        elif each.kind == _UNSEEN:
            payments[each.feature][rows] = len(NAMES[str(each.feature)]) - 1

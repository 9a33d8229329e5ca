"""Disturbances of a stream, written as `KIND[:FEATURE]@FROM[..UNTIL][:SIZE]`.

    shift:V14@5000:0.5        raise V14 by 0.5 standard deviations, starting at row 5000
    scale:V14@5000..8000:1.5  multiply its distance from the mean by 1.5 in rows 5000 to 7999
    stuck:V14@36h:0.5         set it to its mean in half of the rows after 36 hours
    missing:V14@5000:0.1      drop it from a tenth of the rows
    new-fraud@2d:0.001        add a new fraud pattern to one row in a thousand
    fraud-rate@5000:5         make frauds five times as frequent
    surge@30h..31h:10         send ten times as many transactions an hour

FROM and UNTIL are rows counted from 0, or times since the start with a unit (s, m, h, d). UNTIL is
exclusive. For stuck and missing, SIZE is a share of rows, by default all.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from payments.arrays import Flags, Floats, Ints
from payments.contract import INPUTS
from producer.errors import SimulationError

ON_FEATURE = ("shift", "scale", "stuck", "missing")
ON_STREAM = ("new-fraud", "fraud-rate", "surge")
SHARES = ("stuck", "missing", "new-fraud", "unseen")
# in sd, added to legitimate rows, on the features in which known frauds differ least from them
NEW_FRAUD = {"V13": 4.0, "V22": -4.0, "V26": 4.0}


class Vocabulary(NamedTuple):
    """The disturbances of a kind of stream.

    `features`: those that each kind of disturbance may name, none if it is about the whole stream.
    `names`: the features in words.
    """

    features: Mapping[str, Sequence[str]]
    names: str
    example: str


CREDITCARD = Vocabulary(
    dict.fromkeys(ON_FEATURE, INPUTS) | dict.fromkeys(ON_STREAM, ()),
    "V1 to V28 or Amount",
    "shift:V14@5000:0.5",
)
_SYNTAX = re.compile(
    r"(?P<kind>[a-z-]+)(?::(?P<feature>\w+))?"
    r"@(?P<begin>[\d._]+?[smhd]?)(?:\.\.(?P<end>[\d._]+[smhd]?))?"
    r"(?::(?P<size>-?\d+(?:\.\d+)?))?"
)
_UNIT_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Disturbance:
    """One disturbance from `begin` to `end` (exclusive): rows, or seconds if `by_time`."""

    kind: str
    begin: float
    end: float = math.inf
    size: float = 1.0
    feature: str | None = None
    by_time: bool = False

    def find_active(self, rows: Ints, times: Floats) -> Flags:
        """Return which rows it affects, given their numbers and seconds since the start."""
        moments = times if self.by_time else rows
        return (moments >= self.begin) & (moments < self.end)


def parse(text: str, vocabulary: Vocabulary = CREDITCARD) -> Disturbance:
    """Parse a disturbance. Raise SimulationError with an example of the right form."""
    match = _SYNTAX.fullmatch(text.strip())
    if not match:
        raise SimulationError(
            f"{text!r} is not a disturbance: "
            f"write KIND[:FEATURE]@FROM[..UNTIL][:SIZE], as in {vocabulary.example}"
        )
    kind = match["kind"]
    feature = match["feature"]
    size = match["size"]
    if kind not in vocabulary.features:
        raise SimulationError(
            f"{text!r}: {kind} is not a kind of disturbance: "
            f"choose from {', '.join(vocabulary.features)}"
        )
    features = vocabulary.features[kind]
    if feature not in (features or (None,)):
        wanted = "takes no feature, as in surge@30h..31h:10"
        if features:
            wanted = f"needs one of {vocabulary.names}, as in {vocabulary.example}"
        raise SimulationError(f"{text!r}: {kind} {wanted}")
    if size is None and kind not in ("stuck", "missing"):
        raise SimulationError(f"{text!r}: {kind} needs a size, as in {text.strip()}:2")
    number = 1.0 if size is None else float(size)
    if kind != "shift" and (
        number < 0 or (kind in SHARES and number > 1) or (kind == "surge" and number == 0)
    ):
        wanted = "a share, 0 to 1" if kind in SHARES else "a factor above 0"
        raise SimulationError(f"{text!r}: the size of {kind} must be {wanted}")
    begin, by_time = _parse_moment(text, match["begin"])
    end, end_by_time = _parse_moment(text, match["end"]) if match["end"] else (math.inf, by_time)
    if by_time != end_by_time or end <= begin:
        raise SimulationError(
            f"{text!r}: FROM and UNTIL must both be rows or both be times, and UNTIL must be later"
        )
    return Disturbance(kind, begin, end, number, feature, by_time)


def _parse_moment(text: str, moment: str) -> tuple[float, bool]:
    unit = moment[-1] if moment[-1] in _UNIT_S else ""
    try:
        number = float(moment.removesuffix(unit))
    except ValueError:
        raise SimulationError(
            f"{text!r}: {moment!r} is neither a row (5000) nor a time (90s, 30m, 36h, 2d)"
        ) from None
    if not unit and number % 1:
        raise SimulationError(
            f"{text!r}: {moment!r} is not a row; a time has a unit, as in {moment}h"
        )
    return number * _UNIT_S.get(unit, 1.0), bool(unit)


def disturb_values(
    disturbances: Sequence[Disturbance],
    values: Floats,
    where: tuple[Ints, Floats],
    norm: tuple[Floats, Floats],
    chance: Floats,
) -> None:
    """Apply the disturbances of features to `values` [n, 29] in place, in order; missing is NaN.

    `where`: rows and times. `norm`: mean and sd [29]. `chance`: [n], uniform on 0..1. Amounts stay
    whole cents of at least 0.
    """
    disturb_inputs(disturbances, values, where, norm, chance, INPUTS)
    amount = INPUTS.index("Amount")
    values[:, amount] = np.maximum(np.round(values[:, amount], 2), 0.0)


def disturb_inputs(
    disturbances: Sequence[Disturbance],
    values: Floats,
    where: tuple[Ints, Floats],
    norm: tuple[Floats, Floats],
    chance: Floats,
    names: Sequence[str],
) -> None:
    """Do the same to `values` [n, names], without a limit for amounts."""
    mean, sd = norm
    for disturbance in disturbances:
        if disturbance.kind not in ON_FEATURE:
            continue
        column = names.index(str(disturbance.feature))
        rows = disturbance.find_active(*where)
        if disturbance.kind in SHARES:
            rows &= chance < disturbance.size
        values[rows, column] = disturb_column(
            disturbance, values[rows, column], mean[column], sd[column]
        )


def disturb_column(disturbance: Disturbance, values: Floats, mean: float, sd: float) -> Floats:
    """Return the values of a feature as a disturbance changes them; missing is NaN."""
    if disturbance.kind == "shift":
        return values + disturbance.size * sd
    if disturbance.kind == "scale":
        return mean + disturbance.size * (values - mean)
    return np.full_like(values, mean if disturbance.kind == "stuck" else math.nan)

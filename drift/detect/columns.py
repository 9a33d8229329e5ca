"""The columns in which a window is compared: the model's features, what marks them, the margin.

An optional feature has a second column, `NAME.missing`, which says whether the value is missing,
and a category has `NAME.other`: whether the value has no code, because training saw too little of
it. The features of the calendar have none: they say when a window was, not what is in it. Nor have
those of history, which grow until the longest window is full.
"""

from typing import NamedTuple

import numpy as np

from payments.arrays import Flags, Floats
from payments.features import FeatureEncoder
from payments.schema.declaration import FieldDeclaration

MARGIN = "margin"
WASSERSTEIN = "wasserstein"
TOTAL_VARIATION = "total_variation"
_OTHER = "other"
_NO_YES = ("no", "yes")


class Column(NamedTuple):
    """One column. `label` names it for people, and `feature` is the model's that it is about.

    `values`: of a category, what its codes 0, 1, ... mean; None for numbers. NaN is a missing
    value, which only an `optional` column has.
    """

    name: str
    label: str
    feature: str
    values: tuple[str, ...] | None = None
    optional: bool = False

    @property
    def method(self) -> str:
        """The distance by which the column is compared."""
        return WASSERSTEIN if self.values is None else TOTAL_VARIATION


class _Mark(NamedTuple):
    """A column of 0 and 1: whether the feature at `position` has this code; None: is missing."""

    column: Column
    position: int
    code: int | None


class Columns:
    """The columns for a model's features, in order: features, what marks them, the margin."""

    def __init__(self, encoder: FeatureEncoder) -> None:
        features = []
        positions = []
        marks = []
        for position, feature in enumerate(encoder.schema.features):
            if feature.kind not in ("number", "category"):
                continue
            name = feature.name
            field = encoder.schema.fields[name]
            known = encoder.categories.get(name)
            values = None if known is None else (*known, _OTHER)
            label = _make_label(name, feature.label, field)
            features.append(Column(name, label, name, values, field.optional))
            positions.append(position)
            if known is not None:
                marks.append(_make_mark(features[-1], _OTHER, position, len(known)))
            if field.optional:
                marks.append(_make_mark(features[-1], "missing", position, None))
        self._positions = positions
        self._marks = marks
        self.all = (*features, *(mark.column for mark in marks), Column(MARGIN, MARGIN, MARGIN))
        self.names = tuple(column.name for column in self.all)
        self.are_numbers: Flags = np.array([column.values is None for column in self.all])
        self.are_optional: Flags = np.array([column.optional for column in self.all])

    def __len__(self) -> int:
        return len(self.all)

    @property
    def drift_share(self) -> float:
        """The score from which a window has drifted: one column over its own limit is enough.

        Limits are family-wise.
        """
        return 1 / len(self)

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column's distance, in words."""
        return {
            column.name: "sd" if column.values is None else "of the payments" for column in self.all
        }

    def make_rows(self, features: Floats, margins: Floats) -> Floats:
        """Return float64[n, columns] from float64[n, features] and float64[n] margins."""
        marks = [
            np.isnan(features[:, mark.position])
            if mark.code is None
            else features[:, mark.position] == mark.code
            for mark in self._marks
        ]
        return np.column_stack([features[:, self._positions], *marks, margins])

    def compute_shares(self, rows: Floats) -> dict[str, float]:
        """Return the share of rows, 0..1, with a missing or another value, by column."""
        return {
            mark.column.name: float(rows[:, self.names.index(mark.column.name)].mean())
            for mark in self._marks
        }


def _make_mark(column: Column, suffix: str, position: int, code: int | None) -> _Mark:
    marked = Column(f"{column.name}.{suffix}", f"{column.label}: {suffix}", column.feature, _NO_YES)
    return _Mark(marked, position, code)


def _make_label(name: str, label: str, field: FieldDeclaration) -> str:
    """Return a feature's name, with what it is in words if these say more."""
    if field.anonymous or label.casefold() == name.casefold():
        return name
    return f"{label} ({name})"

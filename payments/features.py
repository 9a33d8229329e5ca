"""The model's matrix: numbers as they are, categories as codes, and the calendar.

Each number is rounded once to a float32 (IEEE 754, half to even). `encode_columns` converts the
rows of a file at once. `pack` is for the stream, which writes each row into one buffer while
decoding, and `add_calendar` fills in the rest of a batch. Both ways give the same bits; property
tests compare them. The last columns are features of history, which `payments.state` computes.
"""

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike

from payments.arrays import Floats, Ints, Singles
from payments.contract import FLOAT32_OVERFLOW
from payments.errors import InputError
from payments.schema.declaration import LEARNED, Calendar, FieldDeclaration
from payments.schema.reading import Schema

Categories = Mapping[str, tuple[str, ...]]
"""The values of each category that have a code, in the order of their codes."""

# A value in fewer rows teaches the model nothing of its own: it is one of the others.
MIN_CATEGORY_ROWS = 10
_NIGHT_ENDS = 7  # the hour
_SATURDAY = 5
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_QUARTER_MS = _HOUR_MS // 4  # offsets from UTC change at full quarters of an hour
_MONDAY = 3  # 1970-01-01 was a Thursday, the fourth day of the week


class FeatureEncoder:
    """Turns the payments of a schema into rows of the model's matrix.

    `names` are the matrix's columns, `inputs` the fields that the first ones come from, and
    `history` the names of the last ones, the features of history. `row_bytes` is the size of a row.
    """

    def __init__(self, schema: Schema, categories: Categories) -> None:
        declared = schema.declaration.features
        self.schema = schema
        self.categories = dict(categories)
        self.names = tuple(feature.name for feature in schema.features)
        self.inputs = schema.inputs
        self.history = schema.history_features
        self.row_bytes = 4 * len(self.names)
        self.feature_types = ["c" if each.kind == "category" else "q" for each in schema.features]
        self._numbers = len(declared.numbers)
        self._calendar = declared.calendar
        self._zone = declared.timezone
        self._codes = [_number_values(categories[name]) for name in declared.categories]
        self._others = [float(len(categories[name])) for name in declared.categories]
        self._pack = struct.Struct(f"<{len(self.inputs)}f").pack_into
        self._is_plain = not self._codes and not any(
            schema.fields[name].optional for name in declared.numbers
        )

    @property
    def needs_time(self) -> bool:
        """Whether a feature depends on the time of the payment."""
        return bool(self._calendar)

    def pack(self, buffer: bytearray, row: int, values: Sequence[Any]) -> None:
        """Write the inputs of one payment to row number `row` of `buffer`.

        `values` are those of `inputs`: finite numbers, booleans, texts, and None for a missing
        one. Raises OverflowError for a number beyond float32.
        """
        self._pack(buffer, row * self.row_bytes, *self.convert(values))

    def convert(self, values: Sequence[Any]) -> Sequence[float]:
        """Return the inputs of one payment as numbers: NaN for a missing one, codes for texts."""
        if self._is_plain:
            return values
        numbers = [np.nan if value is None else value for value in values[: self._numbers]]
        codes = [
            known.get(value, other)
            for known, other, value in zip(
                self._codes, self._others, values[self._numbers :], strict=True
            )
        ]
        return [*numbers, *codes]

    def add_calendar(self, matrix: Singles | Floats, times_ms: Ints) -> None:
        """Fill in the calendar columns of a matrix, [n, features], from int64[n] ms since 1970."""
        for column, part in enumerate(self._compute_calendar(times_ms), len(self.inputs)):
            matrix[:, column] = part

    def add_history(self, matrix: Singles | Floats, features: Singles) -> None:
        """Fill in the features of history, float32[n, history], of a matrix, [n, features]."""
        matrix[:, len(self.names) - len(self.history) :] = features

    def encode_columns(
        self,
        columns: Mapping[str, ArrayLike],
        times_ms: Ints | None = None,
        history: Singles | None = None,
    ) -> dict[str, Floats]:
        """Return each feature of n payments as float64[n].

        `columns` has n values of each field in `inputs`: numbers with NaN for a missing one, texts
        with None. `times_ms`: int64[n], if `needs_time`. `history`: float32[n, history], if the
        schema has features of history. Raises InputError for infinity, a number
        beyond float32, and a missing number that is not optional, because XGBoost would treat it
        as missing.
        """
        encoded: dict[str, Floats] = {}
        for name in self.inputs[: self._numbers]:
            encoded[name] = np.asarray(columns[name], np.float64)
            self._check(name, encoded[name])
        for name, known, other in zip(
            self.inputs[self._numbers :], self._codes, self._others, strict=True
        ):
            codes = [known.get(value, other) for value in np.asarray(columns[name], object)]
            encoded[name] = np.array(codes, np.float64)
        if times_ms is not None:
            calendar = zip(self._calendar, self._compute_calendar(times_ms), strict=True)
            encoded |= {name: part.astype(np.float64) for name, part in calendar}
        if history is not None:
            encoded |= zip(self.history, history.T.astype(np.float64), strict=True)
        return encoded

    def _compute_calendar(self, times_ms: Ints) -> list[Ints]:
        """Return int64[n] of each part of the calendar from int64[n] ms since 1970."""
        if not self._calendar:
            return []
        local = times_ms + _find_offsets_ms(self._zone, times_ms)
        return [_PARTS[part](local) for part in self._calendar]

    def _check(self, name: str, values: Floats) -> None:
        usable = np.abs(values) < FLOAT32_OVERFLOW
        if self.schema.fields[name].optional:
            usable |= np.isnan(values)
        if len(bad := np.flatnonzero(~usable)):
            raise InputError(
                f"row {bad[0]}: {name} is {values[bad[0]]}, which does not fit a float32"
            )


def _count_weekday(local: Ints) -> Ints:
    return (local // _DAY_MS + _MONDAY) % 7


_PARTS: dict[Calendar, Callable[[Ints], Ints]] = {
    "hour": lambda local: local // _HOUR_MS % 24,
    "weekday": _count_weekday,
    "weekend": lambda local: (_count_weekday(local) >= _SATURDAY).astype(np.int64),
    "night": lambda local: (local // _HOUR_MS % 24 < _NIGHT_ENDS).astype(np.int64),
}


def _number_values(values: Sequence[str]) -> dict[str | None, float]:
    codes: dict[str | None, float] = {value: float(code) for code, value in enumerate(values)}
    return codes | {None: np.nan, "": np.nan}  # as an empty cell of a file


def _find_offsets_ms(zone: str, times_ms: Ints) -> Ints:
    quarters, position = np.unique(times_ms // _QUARTER_MS, return_inverse=True)
    offsets = [_find_offset_ms(zone, quarter) for quarter in quarters.tolist()]
    return np.array(offsets, np.int64)[position]


@lru_cache(maxsize=4096)  # 42 days of quarters
def _find_offset_ms(zone: str, quarter: int) -> int:
    at = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, UTC)
    try:
        offset = at.astimezone(ZoneInfo(zone)).utcoffset()
    except OverflowError:  # in the first or the last hours that a datetime can hold
        return 0
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def learn_categories(schema: Schema, columns: Mapping[str, Sequence[str | None]]) -> Categories:
    """Return the values of each category that get a code, from the rows a model is trained on.

    Those that the schema lists; of a learned category, the most frequent ones, at most as many as
    the schema allows. A category is one of `columns`, with None for a missing value.
    """
    return {
        name: _list_values(schema.fields[name], columns[name])
        for name in schema.declaration.features.categories
    }


def _list_values(field: FieldDeclaration, values: Sequence[str | None]) -> tuple[str, ...]:
    if field.values != LEARNED:
        return tuple(field.values or ())
    counts = Counter(value for value in values if value is not None)
    frequent = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: field.most]
    return tuple(value for value, count in frequent if count >= MIN_CATEGORY_ROWS)

"""Profile the columns of a file that no schema describes yet."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payments.errors import PaymentFileError
from payments.files.cells import Column, read_numbers, read_text, uses_decimal_comma
from payments.files.clock import SECONDS, choose_unit
from payments.files.columns import TEXT
from payments.files.reader import recognize, translate_errors
from payments.files.times import are_local, is_refused_date, read_times
from payments.schema.declaration import FROM_FIRST_ROW, FieldDeclaration
from payments.schema.profile import ColumnProfile, FileProfile

SAMPLE_ROWS = 100_000
_LISTED = 20

_NUMBER = FieldDeclaration(type="number")
_UNITS = {
    SECONDS.name: FROM_FIRST_ROW,
    "Unix seconds": "s",
    "Unix milliseconds": "ms",
    "Unix microseconds": "us",
}
_WORDS = ({"true", "false"}, {"yes", "no"})
_FRACTION = re.compile(r"\.(\d*?)0*$", re.ASCII)


def profile_file(path: Path) -> FileProfile:
    """Return what the columns of a file hold in its first rows. Raises PaymentFileError."""
    with translate_errors(path):
        table = recognize(path, None)
        batches = list(_take(table.stream(), SAMPLE_ROWS))
    if not batches:
        raise PaymentFileError(f"{path} has a header and no rows")
    sample = pa.Table.from_batches(batches)
    cells = {name: sample.column(name).combine_chunks() for name in sample.column_names}
    decimal_comma = uses_decimal_comma(column.unique() for column in cells.values())
    columns = [_profile(name, column, decimal_comma) for name, column in cells.items() if name]
    return FileProfile(path.name, sample.num_rows, columns, table.is_nested)


def _take(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _profile(name: str, cells: pa.Array, decimal_comma: bool) -> ColumnProfile:
    column = read_text(cells, TEXT)
    for row, cause in column.invalid.items():
        return ColumnProfile(name, "unusable", 0, 0, [f"in row {row} it {cause}"])
    texts = column.texts.drop_null()
    counts = texts.value_counts()
    order = pc.array_sort_indices(counts.field("counts"), order="descending")
    values = counts.field("values").take(order)
    profile = ColumnProfile(
        name,
        content="text",
        missing=len(cells) - len(texts),
        distinct=len(values),
        values=values.slice(0, _LISTED).to_pylist(),
        longest=pc.max(pc.utf8_length(values)).as_py() or 0,
    )
    if not len(values):
        return profile._replace(content="nothing")
    if {value.casefold() for value in profile.values} in _WORDS:
        return profile._replace(content="boolean")
    filled = texts.cast(pa.binary())
    few = values.slice(0, _LISTED).cast(pa.binary())  # most text is seen to be no number here
    if _read_numbers(few, decimal_comma) and (numbers := _read_numbers(filled, decimal_comma)):
        return _describe_numbers(profile, numbers)
    if _read_times(few) and (times := _read_times(filled)):
        ordered = _is_ordered(times)
        return profile._replace(content="time", unit="rfc3339", is_ordered=ordered)
    return profile._replace(content="date") if is_refused_date(profile.values[0]) else profile


def _read_numbers(cells: pa.Array, decimal_comma: bool) -> Column | None:
    """Return the numbers in cells; None if one is invalid."""
    column = read_numbers({"": cells}, {"": _NUMBER}, decimal_comma)[""]
    return None if column.invalid else column


def _read_times(cells: pa.Array) -> Column | None:
    """Return the times in cells; None if one is invalid."""
    column = read_times(cells, are_local(cells))
    return None if column.invalid else column


def _describe_numbers(profile: ColumnProfile, numbers: Column) -> ColumnProfile:
    unit = choose_unit(numbers.values)
    fractions = map(_FRACTION.search, numbers.texts.cast(pa.string()).to_pylist())
    return profile._replace(
        content="number",
        unit=None if isinstance(unit, str) else _UNITS.get(unit.name),
        decimals=max(len(fraction[1]) if fraction else 0 for fraction in fractions),
        low=float(numbers.values.min()),
        high=float(numbers.values.max()),
        is_ordered=_is_ordered(numbers),
    )


def _is_ordered(column: Column) -> bool:
    return bool((np.diff(column.values) >= 0).all())

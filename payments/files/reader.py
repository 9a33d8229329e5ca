"""Stream the rows of a payment file, however it is written."""

import lzma
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payments.arrays import Floats, Ints
from payments.errors import PaymentFileError
from payments.files import delimited, json_lines, parquet
from payments.files.cells import Column, read_numbers, read_text, uses_decimal_comma
from payments.files.clock import (
    RFC3339,
    SECONDS,
    Unit,
    choose_unit,
    describe_doubt,
    describe_misfit,
    get_unit,
)
from payments.files.columns import TEXTS, Columns, list_columns, list_needed, require
from payments.files.table import Table
from payments.files.times import are_local, read_times
from payments.schema.reading import Schema

NO_TIME = int(np.iinfo(np.int64).min)


@dataclass(frozen=True)
class Batch:
    """Consecutive rows: `first` is the number of the first one in the file, from 0.

    `columns`: those of `known` that the file has; `unit`: of the times.
    """

    path: Path
    known: Columns
    unit: Unit
    first: int
    size: int
    columns: dict[str, Column]

    def read_numbers(self, name: str) -> Floats:
        """Return the numbers of a column, NaN if missing or invalid.

        Times are in seconds, and amounts in major units, as in decoded transactions.
        """
        values = self.columns[name].values
        field = self.known[name]
        if field.type == "time":
            return values / self.unit.per_second
        return values / 10**field.decimals if field.unit == "minor" else values

    def read_texts(self, name: str) -> list[str | None]:
        """Return the cells of a column of text, None if missing or if the file has no such one."""
        column = self.columns.get(name)
        return [None] * self.size if column is None else column.texts.to_pylist()

    def read_milliseconds(self, name: str) -> Ints:
        """Return the times of a column, cut to whole ms since 1970; NO_TIME if missing."""
        micros = np.rint(self.columns[name].values * (1e6 / self.unit.per_second))
        times = np.nan_to_num(micros).astype(np.int64) // 1000
        return np.where(np.isnan(micros), NO_TIME, times)

    def check(self, *complete: str) -> None:
        """Raise PaymentFileError for the first invalid cell, or missing one in these columns."""
        bad = {
            (row, name): cause
            for name, column in self.columns.items()
            for row, cause in column.invalid.items()
        }
        bad |= {
            (row, name): "is missing"
            for name in complete
            for row in self.columns[name].find_missing()
        }
        if bad:
            order = list(self.columns)
            row, name = min(bad, key=lambda place: (place[0], order.index(place[1])))
            raise PaymentFileError(f"{self.path}, row {self.first + row}: {name} {bad[row, name]}")


@dataclass(frozen=True)
class PaymentFile:
    """A file that was recognized.

    `known`: the columns that it may have. `decimal_comma`: its numbers have a comma for the decimal
    point. `unit`: of its times. `local`: they have no offset. `doubt`: what else its times could
    be, or "".
    """

    path: Path
    _table: Table
    known: Columns
    decimal_comma: bool
    unit: Unit
    local: bool
    doubt: str

    @property
    def columns(self) -> frozenset[str]:
        """The known columns that the file has."""
        return frozenset(self._table.columns)

    @property
    def notes(self) -> list[str]:
        """How the file differs from a plain CSV that has what the schema declares."""
        respelled = [
            f"{spelling.strip()!r} is {name}"
            for name, spelling in self._table.columns.items()
            if spelling.strip() != name
        ]
        if len(respelled) > 3:
            respelled = [*respelled[:3], f"{len(respelled) - 3} more names in another case"]
        unit = [f"{name} in {self.unit.name}" for name in self._find_recognized_times()]
        if self.doubt:
            unit.append(f"times in {self.doubt}")
        comma = ["decimal comma"] if self.decimal_comma else []
        local = ["times without an offset, read as UTC"] if self.local else []
        return [*self._table.notes, *comma, *respelled, *unit, *local]

    def _find_recognized_times(self) -> list[str]:
        """Return the columns of times that are of another unit than the schema declares."""
        return [
            name
            for name in _select(self.known, self.columns, "time")
            if self.unit != (get_unit(self.known[name].unit) or SECONDS)
        ]

    def read_batches(self, first: int = 0, end: int | None = None) -> Iterator[Batch]:
        """Yield the rows from `first` up to, not including, `end`. Raises PaymentFileError."""
        start = 0
        with translate_errors(self.path):
            for batch in self._table.stream():
                stop = start + batch.num_rows
                low = max(first, start)
                high = stop if end is None else min(end, stop)
                if low < high:
                    yield self._read(low, batch.slice(low - start, high - low))
                start = stop
                if end is not None and end <= stop:
                    return

    def _read(self, first: int, batch: pa.RecordBatch) -> Batch:
        cells = {name: batch.column(name) for name in self.known if name in self.columns}
        texts = _select(self.known, cells, *TEXTS)
        times = _select(self.known, cells, "time")
        written = times if self.unit is RFC3339 else []
        numbers = {name: cells[name] for name in cells if name not in (*texts, *written)}
        columns = read_numbers(numbers, self.known, self.decimal_comma) if numbers else {}
        columns |= {name: read_times(cells[name], self.local) for name in written}
        for name in times:
            origin = "the schema" if get_unit(self.known[name].unit) else "the first row"
            columns[name] = _refuse_misfits(columns[name], self.unit, origin)
        for name in texts:
            columns[name] = read_text(cells[name], self.known[name])
            for row, cause in columns[name].invalid.items():
                raise PaymentFileError(f"{self.path}, row {first + row}: {name} {cause}")
        ordered = {name: columns[name] for name in cells}
        return Batch(self.path, self.known, self.unit, first, batch.num_rows, ordered)


def _select(known: Columns, names: Collection[str], *types: str) -> list[str]:
    return [name for name, field in known.items() if name in names and field.type in types]


def open_file(path: Path, schema: Schema, needed: Sequence[str] = ()) -> PaymentFile:
    """Recognize a file of a schema's payments. Raises PaymentFileError.

    `needed`: columns that it must have besides those without which no row is a payment.
    """
    known = list_columns(schema)
    with translate_errors(path):
        table = recognize(path, known)
        required = {*list_needed(schema), *needed}
        require(path, [name for name in known if name in required], table.header, known)
        first = next((batch for batch in table.stream() if batch.num_rows), None)
    if first is None:
        raise PaymentFileError(f"{path} has a header and no rows")
    cells = {name: first.column(name) for name in table.columns}
    unit = get_unit(schema.fields[schema.roles.time].unit)
    written = ("time", *TEXTS) if unit is RFC3339 else TEXTS
    texts = _select(known, cells, *written)
    decimal_comma = uses_decimal_comma(cells[name] for name in cells if name not in texts)
    time = schema.time_column
    local = unit is RFC3339 and time in cells and are_local(cells[time])
    doubt = ""
    if unit is None:
        unit = SECONDS
        if time in cells:
            times = read_numbers({time: cells[time]}, known, decimal_comma)[time].values
            unit = _find_unit(path, times, time)
            doubt = describe_doubt(times[~np.isnan(times)], unit)
    return PaymentFile(path, table, known, decimal_comma, unit, local, doubt)


def recognize(path: Path, known: Columns | None) -> Table:
    """Return the table in a file. `known`: the columns to read, by default all."""
    if parquet.is_parquet(path):
        return parquet.recognize(path, known)
    if json_lines.is_json(path):
        return json_lines.recognize(path, known)
    return delimited.recognize(path, known)


def _find_unit(path: Path, times: Floats, name: str) -> Unit:
    """Return the unit of the first rows' times."""
    present = np.flatnonzero(~np.isnan(times))
    if not len(present):
        return SECONDS
    unit = choose_unit(times[present])
    if isinstance(unit, str):
        raise PaymentFileError(
            f"{path}, row {present[0]}: {name} is {times[present[0]]:.15g}, {unit}"
        )
    return unit


def _refuse_misfits(times: Column, unit: Unit, origin: str) -> Column:
    """Return the times with those of another unit as invalid."""
    values = times.values
    misfit = (values < unit.low) | (values >= unit.high)
    if not misfit.any():
        return times
    causes = {
        i: describe_misfit(float(values[i]), unit, origin) for i in np.flatnonzero(misfit).tolist()
    }
    return Column(pc.if_else(misfit, None, times.texts), {**times.invalid, **causes})


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn what libraries raise about a file into PaymentFileError."""
    try:
        yield
    except PaymentFileError:
        raise
    except UnicodeError as error:
        raise PaymentFileError(
            f"{path} is not valid {getattr(error, 'encoding', 'text')}"
        ) from None
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise PaymentFileError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise PaymentFileError(f"{path} cannot be read: {error.strerror or error}") from None
    except (pa.ArrowException, RuntimeError, NotImplementedError) as error:
        raise PaymentFileError(f"{path} cannot be read as a table: {error}") from None

"""Stream the rows of a payment file, however it is written."""

import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payments.arrays import Floats
from payments.contract import IDENTIFIER_CHARACTERS, INPUTS
from payments.errors import PaymentFileError
from payments.files import delimited, parquet
from payments.files.cells import MISSING, Column, read_columns, uses_decimal_comma
from payments.files.clock import SECONDS, Unit, choose_unit, describe_misfit
from payments.files.columns import ACCOUNT, COLUMNS, TIME, require
from payments.files.table import Table


@dataclass(frozen=True)
class Batch:
    """Consecutive rows: `first` is the number of the first one in the file, from 0.

    `columns`: those of Time, V1..V28, Amount and Class that the file has; `unit`: of Time.
    `accounts`: None for a row without one.
    """

    path: Path
    unit: Unit
    first: int
    size: int
    columns: dict[str, Column]
    accounts: list[str | None]

    def read_numbers(self, name: str) -> Floats:
        """Return the numbers of a column, NaN if missing or invalid; Time in seconds."""
        values = self.columns[name].values
        return values / self.unit.per_second if name == TIME else values

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
            row, name = min(bad, key=lambda place: (place[0], COLUMNS.index(place[1])))
            raise PaymentFileError(f"{self.path}, row {self.first + row}: {name} {bad[row, name]}")


@dataclass(frozen=True)
class PaymentFile:
    """A file that was recognized.

    `decimal_comma`: its numbers have a comma for the decimal point. `unit`: of its Time.
    """

    path: Path
    _table: Table
    decimal_comma: bool
    unit: Unit

    @property
    def columns(self) -> frozenset[str]:
        """The known columns that the file has."""
        return frozenset(self._table.columns)

    @property
    def notes(self) -> list[str]:
        """How the file differs from a plain CSV."""
        respelled = [
            f"{spelling.strip()!r} is {name}"
            for name, spelling in self._table.columns.items()
            if spelling.strip() != name
        ]
        if len(respelled) > 3:
            respelled = [*respelled[:3], f"{len(respelled) - 3} more names in another case"]
        unit = [f"Time in {self.unit.name}"] if self.unit != SECONDS else []
        comma = ["decimal comma"] if self.decimal_comma else []
        return [*self._table.notes, *comma, *respelled, *unit]

    def read_batches(self, first: int = 0, end: int | None = None) -> Iterator[Batch]:
        """Yield the rows from `first` up to, not including, `end`. Raises PaymentFileError."""
        start = 0
        with _translate_errors(self.path):
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
        cells = {name: batch.column(name) for name in COLUMNS if name in self.columns}
        columns = read_columns(cells, self.decimal_comma)
        if TIME in columns:
            columns[TIME] = _refuse_misfits(columns[TIME], self.unit)
        accounts: list[str | None] = [None] * batch.num_rows
        if ACCOUNT in self.columns:
            accounts = self._read_accounts(first, batch.column(ACCOUNT).to_pylist())
        return Batch(self.path, self.unit, first, batch.num_rows, columns, accounts)

    def _read_accounts(self, first: int, cells: list[bytes]) -> list[str | None]:
        accounts: list[str | None] = []
        for row, cell in enumerate(cells, first):
            try:
                account = cell.decode().strip()
            except UnicodeDecodeError as error:
                raise PaymentFileError(
                    f"{self.path}, row {row}: {ACCOUNT} is not UTF-8 "
                    f"(byte {cell[error.start]:#04x}, as in Latin-1); save the file as UTF-8"
                ) from None
            if len(account) > IDENTIFIER_CHARACTERS:
                raise PaymentFileError(
                    f"{self.path}, row {row}: {ACCOUNT} has {len(account)} characters, "
                    f"{IDENTIFIER_CHARACTERS} are allowed"
                )
            accounts.append(None if account.casefold() in MISSING else account)
        return accounts


def open_file(path: Path, needed: Sequence[str] = INPUTS) -> PaymentFile:
    """Recognize a payment file that has the needed columns. Raises PaymentFileError."""
    with _translate_errors(path):
        recognize = parquet.recognize if parquet.is_parquet(path) else delimited.recognize
        table = recognize(path)
        require(path, needed, table.header)
        first = next((batch for batch in table.stream() if batch.num_rows), None)
    if first is None:
        raise PaymentFileError(f"{path} has a header and no rows")
    numbers = [first.column(name) for name in COLUMNS if name in table.columns]
    decimal_comma = uses_decimal_comma(numbers)
    unit = _find_unit(path, first.column(TIME), decimal_comma) if TIME in table.columns else SECONDS
    return PaymentFile(path, table, decimal_comma, unit)


def _find_unit(path: Path, cells: pa.Array, decimal_comma: bool) -> Unit:
    """Return the unit of the first rows' times."""
    times = read_columns({TIME: cells}, decimal_comma)[TIME].values
    present = np.flatnonzero(~np.isnan(times))
    if not len(present):
        return SECONDS
    unit = choose_unit(times[present])
    if isinstance(unit, str):
        raise PaymentFileError(
            f"{path}, row {present[0]}: Time is {times[present[0]]:.15g}, {unit}"
        )
    return unit


def _refuse_misfits(times: Column, unit: Unit) -> Column:
    """Return the times with those of another unit as invalid."""
    values = times.values
    misfit = (values < unit.low) | (values >= unit.high)
    if not misfit.any():
        return times
    causes = {i: describe_misfit(float(values[i]), unit) for i in np.flatnonzero(misfit).tolist()}
    return Column(pc.if_else(misfit, None, times.texts), {**times.invalid, **causes})


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
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

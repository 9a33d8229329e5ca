"""Read a payment file as transactions, row by row.

A transaction carries each number as the text in the file, so that readers parse the same float64.
A missing value among V1..V28, Amount and account_id is absent from the transaction. Without Time,
rows are one second apart.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payments.contract import INPUTS
from payments.errors import PaymentFileError
from payments.files.cells import Column
from payments.files.columns import CLASS, TIME
from payments.files.reader import Batch, PaymentFile, open_file

EPOCH = datetime(2013, 9, 1, tzinfo=UTC)  # the month of the data; the day is a convention
_NAIVE_EPOCH = EPOCH.replace(tzinfo=None)  # its isoformat takes half the time
# part of every transaction_id, which is limited to 128 characters
RUN_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")
# number, time, inputs, is_fraud, account_id of a Row
_Fields = tuple[int, float, bytes, bool | None, str | None]

_INPUTS = "".join(f',"{name}":%b' for name in INPUTS).encode()
_TRANSACTION = b'{"transaction_id":"%b","event_time":"%b"%b}'
_OF_ACCOUNT = b'{"transaction_id":"%b","event_time":"%b","account_id":%b%b}'


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row to replay.

    `number`: 0-based row of the file. `time`: seconds from the first row, increasing over laps.
    """

    number: int
    transaction_id: str
    time: float
    inputs: bytes
    """V1..V28 and Amount as members of a JSON object, each after a comma; missing ones absent."""
    is_fraud: bool | None
    """None if the file does not say."""
    account_id: str | None = None


class Extent(NamedTuple):
    """`rows`: how many `read` yields, None if it never ends.

    `incomplete`: the rows of one lap that lack a value among V1..V28 and Amount.
    """

    rows: int | None
    incomplete: int


@dataclass(frozen=True)
class Selection:
    """The rows of a payment file to read: 0-based, `first` to `end` (exclusive), at most `limit`.

    With `loop`, start over after the last one.
    """

    path: Path
    first: int = 0
    end: int | None = None
    limit: int | None = None
    loop: bool = False

    @property
    def stop(self) -> int | None:
        """The row before which one lap ends at the latest."""
        limit = None if self.limit is None or self.loop else self.first + self.limit
        ends = (self.end, limit)
        return min((end for end in ends if end is not None), default=None)

    def check(self, *needed: str, ordered: bool = False) -> Extent:
        """Read and check one lap.

        Raises PaymentFileError if the file lacks a needed column or misses a value there, has an
        invalid row or none that is selected, or, with `ordered`, rows out of the order of Time.
        """
        columns = (*([TIME] if ordered else []), *INPUTS, *needed)
        file = open_file(self.path, columns)
        rows = 0
        incomplete = 0
        latest = -math.inf
        for batch in _read_batches(file, self, {*needed, *file.columns & {TIME}}):
            if ordered:
                times = np.array([latest, *batch.read_numbers(TIME)])
                for place in np.flatnonzero(np.diff(times) < 0)[:1].tolist():
                    raise PaymentFileError(
                        f"{self.path}, row {batch.first + place} is earlier than the row before "
                        "it; sort the file by Time, or replay it at a rate"
                    )
                latest = times[-1]
            rows += batch.size
            incomplete += _count_incomplete(batch)
        if not rows:
            raise describe_range_error(self)
        return Extent(self.limit if self.loop else rows, incomplete)


def read(selection: Selection, run: str) -> Iterator[Row]:
    """Yield the selected rows, holding about 1 MB of the file in memory.

    transaction_id is `<run>-<row>`; laps after the first add `-<lap>` (1, 2, ...). `run` must match
    RUN_NAME. Each lap starts 1 s after the previous one ends. Raises PaymentFileError if the file
    cannot be read, lacks a column or has an invalid value.
    """
    return islice(_repeat_laps(selection, run), selection.limit)


def encode_transaction(row: Row) -> bytes:
    """Return the row as JSON of `payments.contract.Transaction`, without its class."""
    name = row.transaction_id.encode()
    time = _format_event_time(row.time)
    if row.account_id is None:
        return _TRANSACTION % (name, time, row.inputs)
    return _OF_ACCOUNT % (name, time, msgspec.json.encode(row.account_id), row.inputs)


def encode_inputs(numbers: Sequence[bytes | None]) -> bytes:
    """Return `Row.inputs` from JSON numbers in the order of `INPUTS`; None for a missing one."""
    if None not in numbers:
        return _INPUTS % tuple(numbers)
    pairs = zip(INPUTS, numbers, strict=True)
    return b"".join(b',"%b":%b' % (name.encode(), text) for name, text in pairs if text is not None)


def _encode_columns(columns: Mapping[str, Column]) -> list[bytes]:
    """Return `Row.inputs` of each row of a batch."""
    keys = {name: pa.scalar(f',"{name}":'.encode()) for name in INPUTS}
    texts = {name: columns[name].texts for name in INPUTS}
    if any(column.null_count for column in texts.values()):  # a missing text takes its key along
        members = [pc.binary_join_element_wise(keys[name], texts[name], b"") for name in INPUTS]
    else:
        members = [part for name in INPUTS for part in (keys[name], texts[name])]
    joined = pc.binary_join_element_wise(*members, b"", null_handling="skip")
    rows: list[bytes] = joined.to_pylist()
    return rows


@lru_cache(maxsize=1)  # rows of the same second are adjacent
def _format_event_time(seconds: float) -> bytes:
    return b"%bZ" % (_NAIVE_EPOCH + timedelta(0, seconds)).isoformat().encode()


def _repeat_laps(selection: Selection, run: str) -> Iterator[Row]:
    file = open_file(selection.path)
    shift = 0.0
    for lap in count():
        first: float | None = None
        suffix = f"-{lap}" if lap else ""
        for number, time, inputs, is_fraud, account_id in _read_fields(file, selection):
            first = time if first is None else first
            last = time
            name = f"{run}-{number}{suffix}"
            yield Row(number, name, time + shift, inputs, is_fraud, account_id)
        if first is None or not selection.loop:
            return
        shift += last - first + 1


def _read_batches(
    file: PaymentFile, selection: Selection, complete: Collection[str]
) -> Iterator[Batch]:
    """Yield the rows of one lap, checked; those in `complete` are there in each row."""
    for batch in file.read_batches(selection.first, selection.stop):
        batch.check(*complete)
        yield batch


def _count_incomplete(batch: Batch) -> int:
    texts = [batch.columns[name].texts for name in INPUTS]
    missing = [np.asarray(column.is_null()) for column in texts if column.null_count]
    return int(np.any(missing, axis=0).sum())


def _read_fields(file: PaymentFile, selection: Selection) -> Iterator[_Fields]:
    origin = EPOCH.timestamp() if file.unit.unix else 0.0
    for batch in _read_batches(file, selection, file.columns & {TIME}):
        numbers = range(batch.first, batch.first + batch.size)
        times = (
            batch.read_numbers(TIME) - origin if TIME in batch.columns else np.array(numbers, float)
        )
        classes: list[bool | None] = [None] * batch.size
        if CLASS in batch.columns:
            classes = (batch.read_numbers(CLASS) == 1).tolist()
            for i in batch.columns[CLASS].find_missing():
                classes[i] = None
        inputs = _encode_columns(batch.columns)
        yield from zip(numbers, times.tolist(), inputs, classes, batch.accounts, strict=True)


def describe_range_error(selection: Selection) -> PaymentFileError:
    """Return the error of a selection without rows: which rows the file has."""
    rows = sum(batch.size for batch in open_file(selection.path).read_batches())
    return PaymentFileError(
        f"{selection.path} has rows 0 to {rows - 1:,}; none from row {selection.first:,} on"
    )

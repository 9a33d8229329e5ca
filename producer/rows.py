"""Read a payment file as transactions, row by row.

A transaction carries each number as the text in the file, so that readers parse the same float64.
A field without a value is absent. A row without an id gets one from the run and its number. Rows
without a time are one second apart.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from payments.contract import INPUTS
from payments.errors import PaymentFileError
from payments.files.columns import list_needed
from payments.files.reader import NO_TIME, Batch, PaymentFile, open_file
from payments.schema.declaration import MICROSECONDS
from payments.schema.reading import Schema
from producer.templates import ID, TIME, write_templates

EPOCH = datetime(2013, 9, 1, tzinfo=UTC)  # the month of the data; the day is a convention
_EPOCH_S = EPOCH.timestamp()
_NAIVE_EPOCH = EPOCH.replace(tzinfo=None)  # its isoformat takes half the time
# part of every transaction_id, which is limited to 128 characters
RUN_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")
# number, id, time, template, is_fraud, key, labelled_ms of a Row
_Fields = tuple[int, str | None, float, bytes, bool | None, str | None, int]

_encode = msgspec.json.Encoder().encode
_TEMPLATE = b'{"transaction_id":%b,"event_time":%b%%b%%b}' % (ID, TIME)
_INPUTS = "".join(f',"{name}":%b' for name in INPUTS).encode()


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row to replay.

    `number`: 0-based row of the file. `time`: seconds from the first row, increasing over laps.
    """

    number: int
    transaction_id: str
    time: float
    template: bytes
    """The transaction as JSON, with marks in place of its id and time."""
    is_fraud: bool | None
    """None if the file does not say."""
    key: str | None = None
    """The entity that is the key of the messages."""
    time_unit: str = "rfc3339"
    """Of the time in the transaction: "rfc3339", "s", "ms" or "us"."""
    labelled_ms: int = NO_TIME
    """When the label became known, in ms since 1970, if the file says."""


class Extent(NamedTuple):
    """`rows`: how many `read` yields, None if it never ends.

    `incomplete`: the rows of one lap that lack a value that is not optional.
    """

    rows: int | None
    incomplete: int


@dataclass(frozen=True)
class Selection:
    """The rows of a payment file to read: 0-based, `first` to `end` (exclusive), at most `limit`.

    With `loop`, start over after the last one.
    """

    path: Path
    schema: Schema
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
        invalid row or none that is selected, or, with `ordered`, rows out of the order of time.
        """
        time = self.schema.time_column
        file = open_file(self.path, self.schema, (*([time] if ordered else []), *needed))
        rows = 0
        incomplete = 0
        latest = -math.inf
        for batch in _read_batches(file, self, *needed):
            if ordered:
                times = np.array([latest, *batch.read_numbers(time)])
                for place in np.flatnonzero(np.diff(times) < 0)[:1].tolist():
                    raise PaymentFileError(
                        f"{self.path}, row {batch.first + place} is earlier than the row before "
                        f"it; sort the file by {time}, or replay it at a rate"
                    )
                latest = times[-1]
            rows += batch.size
            incomplete += _count_incomplete(self.schema, batch)
        if not rows:
            raise describe_range_error(self)
        return Extent(self.limit if self.loop else rows, incomplete)


def read(selection: Selection, run: str) -> Iterator[Row]:
    """Yield the selected rows, holding about 1 MB of the file in memory.

    transaction_id is the file's, else `<run>-<row>`; laps after the first add `-<lap>` (1, 2, ...).
    `run` must match RUN_NAME. Each lap starts 1 s after the previous one ends. Raises
    PaymentFileError if the file cannot be read, lacks a column or has an invalid value.
    """
    return islice(_repeat_laps(selection, run), selection.limit)


def encode_transaction(row: Row) -> bytes:
    """Return the row as JSON of its schema, without its label."""
    transaction_id = _encode(row.transaction_id)
    time = _format_event_time(row.time, row.time_unit)
    return row.template.replace(ID, transaction_id, 1).replace(TIME, time, 1)


def compute_event_time(row: Row) -> datetime:
    """Return the time of the row's transaction, as `encode_transaction` writes it."""
    at = EPOCH + timedelta(0, row.time)
    return at.replace(microsecond=at.microsecond // 1000 * 1000) if row.time_unit == "ms" else at


def encode_inputs(numbers: Sequence[bytes | None], account_id: str | None = None) -> bytes:
    """Return `Row.template` for the schema `creditcard` from JSON numbers in the order of `INPUTS`.

    None is a missing one.
    """
    account = b"" if account_id is None else b',"account_id":%b' % _encode(account_id)
    if None in numbers:
        pairs = zip(INPUTS, numbers, strict=True)
        inputs = b"".join(b',"%b":%b' % (name.encode(), text) for name, text in pairs if text)
    else:
        inputs = _INPUTS % tuple(numbers)
    return _TEMPLATE % (account, inputs)


@lru_cache(maxsize=1)  # rows of the same second are adjacent
def _format_event_time(seconds: float, unit: str) -> bytes:
    if unit == "rfc3339":
        return b'"%bZ"' % (_NAIVE_EPOCH + timedelta(0, seconds)).isoformat().encode()
    micros = round((_EPOCH_S + seconds) * 1e6)
    if unit == "s" and micros % 1_000_000:
        return b"%d.%06d" % divmod(micros, 1_000_000)
    return b"%d" % (micros // MICROSECONDS[unit])


def _repeat_laps(selection: Selection, run: str) -> Iterator[Row]:
    schema = selection.schema
    file = open_file(selection.path, schema)
    unit = schema.fields[schema.roles.time].stream_unit
    shift = 0.0
    for lap in count():
        first: float | None = None
        suffix = f"-{lap}" if lap else ""
        for number, name, time, template, is_fraud, key, known in _read_fields(file, selection):
            first = time if first is None else first
            last = time
            transaction_id = f"{f'{run}-{number}' if name is None else name}{suffix}"
            at = known if known == NO_TIME else known + round(shift * 1000)
            yield Row(number, transaction_id, time + shift, template, is_fraud, key, unit, at)
        if first is None or not selection.loop:
            return
        shift += last - first + 1


def _read_batches(file: PaymentFile, selection: Selection, *complete: str) -> Iterator[Batch]:
    """Yield the rows of one lap, checked; ids, times and `complete` are there in each row."""
    schema = selection.schema
    needed = {schema.columns[schema.roles.id], schema.time_column} & file.columns
    for batch in file.read_batches(selection.first, selection.stop):
        batch.check(*needed, *complete)
        yield batch


def _count_incomplete(schema: Schema, batch: Batch) -> int:
    texts = [batch.columns[name].texts for name in list_needed(schema)]
    missing = [np.asarray(column.is_null()) for column in texts if column.null_count]
    return int(np.any(missing, axis=0).sum())


def _read_fields(file: PaymentFile, selection: Selection) -> Iterator[_Fields]:
    schema = selection.schema
    time = schema.time_column
    origin = _EPOCH_S if file.unit.unix else 0.0
    for batch in _read_batches(file, selection):
        numbers = range(batch.first, batch.first + batch.size)
        times = (
            batch.read_numbers(time) - origin if time in batch.columns else np.array(numbers, float)
        )
        yield from zip(
            numbers,
            batch.read_texts(schema.columns[schema.roles.id]),
            times.tolist(),
            write_templates(schema, batch.columns),
            _read_labels(batch, schema.roles.label),
            batch.read_texts(schema.columns[schema.roles.key]),
            _read_known(batch, schema.roles.labelled_at),
            strict=True,
        )


def _read_labels(batch: Batch, name: str | None) -> list[bool | None]:
    """Return which rows are frauds, None if the file does not say."""
    if name not in batch.columns:
        return [None] * batch.size
    values = batch.read_numbers(name).tolist()
    return [None if math.isnan(value) else value == 1 for value in values]


def _read_known(batch: Batch, name: str | None) -> list[int]:
    """Return when the labels became known, in ms since 1970; NO_TIME if the file does not say."""
    if name not in batch.columns:
        return [NO_TIME] * batch.size
    known = batch.read_milliseconds(str(name))
    start = 0 if batch.unit.unix else round(_EPOCH_S * 1000)
    shifted: list[int] = np.where(known == NO_TIME, NO_TIME, known + start).tolist()
    return shifted


def describe_range_error(selection: Selection) -> PaymentFileError:
    """Return the error of a selection without rows: which rows the file has."""
    rows = sum(batch.size for batch in open_file(selection.path, selection.schema).read_batches())
    return PaymentFileError(
        f"{selection.path} has rows 0 to {rows - 1:,}; none from row {selection.first:,} on"
    )

"""Read a CSV in the shape of creditcard.csv as transactions, row by row.

Columns, in any order: Time (seconds from the first row), V1..V28, Amount, Class (1: fraud) and
optionally account_id; others are ignored. A transaction carries each number as the text in the
file, so that readers parse the same float64. An empty field among V1..V28, Amount and account_id
is absent from the transaction.
"""

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import msgspec

from payments.contract import INPUTS
from producer.errors import DataError

EPOCH = datetime(2013, 9, 1, tzinfo=UTC)  # the month of the data; the day is a convention
# part of every transaction_id, which is limited to 128 characters
RUN_NAME = re.compile(r"[A-Za-z0-9._:-]{1,100}")
COLUMNS = ("Time", *INPUTS, "Class")
_ACCOUNT = "account_id"
# time, numbers, is_fraud, account_id of a Row
_Parsed = tuple[float, tuple[bytes | None, ...], bool, str | None]

_NUMBERS = ",".join(f'"{name}":%b' for name in INPUTS)
_TRANSACTION = f'{{"transaction_id":"%b","event_time":"%b",{_NUMBERS}}}'.encode()
_OF_ACCOUNT = f'{{"transaction_id":"%b","event_time":"%b","account_id":%b,{_NUMBERS}}}'.encode()


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row to replay.

    `number`: 0-based row of the file. `time`: seconds from the first row, increasing over laps.
    """

    number: int
    transaction_id: str
    time: float
    numbers: tuple[bytes | None, ...]
    """V1..V28 and Amount as JSON, in the order of `INPUTS`; None for a missing field."""
    is_fraud: bool
    account_id: str | None = None


@dataclass(frozen=True)
class Selection:
    """The rows of a CSV to read: 0-based, `first` to `end` (exclusive), at most `limit`.

    With `loop`, start over after the last one.
    """

    path: Path
    first: int = 0
    end: int | None = None
    limit: int | None = None
    loop: bool = False

    def total(self) -> int | None:
        """Return the number of rows, None if endless. Raise DataError."""
        if self.loop:
            return self.limit
        with _open(self.path) as file:
            end = None if self.end is None else self.end + 1
            rows = sum(1 for _ in islice(_lines(file), self.first + 1, end))
        return rows if self.limit is None else min(rows, self.limit)


def read(selection: Selection, run: str) -> Iterator[Row]:
    """Yield the selected rows, holding one at a time in memory.

    transaction_id is `<run>-<row>`; laps after the first add `-<lap>` (1, 2, ...). `run` must match
    RUN_NAME. Each lap starts 1 s after the previous one ends. Raise DataError if the file cannot be
    read, lacks a column or has a value that is not a number.
    """
    return islice(_laps(selection, run), selection.limit)


def encode_transaction(row: Row) -> bytes:
    """Return the row as JSON of `payments.contract.Transaction`, without its class."""
    if None not in row.numbers:
        name = row.transaction_id.encode()
        time = _event_time(row.time)
        if row.account_id is None:
            return _TRANSACTION % (name, time, *row.numbers)
        return _OF_ACCOUNT % (name, time, msgspec.json.encode(row.account_id), *row.numbers)
    texts = {
        "transaction_id": row.transaction_id,
        "event_time": _event_time(row.time).decode(),
        "account_id": row.account_id,
    }
    fields = {name: msgspec.json.encode(text) for name, text in texts.items() if text is not None}
    fields |= {
        name: number for name, number in zip(INPUTS, row.numbers, strict=True) if number is not None
    }
    return (
        b"{"
        + b",".join(b'"%b":%b' % (name.encode(), field) for name, field in fields.items())
        + b"}"
    )


@lru_cache(maxsize=1)  # rows of the same second are adjacent
def _event_time(seconds: float) -> bytes:
    return (EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z").encode()


def _laps(selection: Selection, run: str) -> Iterator[Row]:
    shift = 0.0
    for lap in count():
        first: float | None = None
        suffix = f"-{lap}" if lap else ""
        for number, (time, numbers, is_fraud, account_id) in _numbered(selection):
            first = time if first is None else first
            last = time
            yield Row(
                number, f"{run}-{number}{suffix}", time + shift, numbers, is_fraud, account_id
            )
        if first is None or not selection.loop:
            return
        shift += last - first + 1


def _numbered(selection: Selection) -> Iterator[tuple[int, _Parsed]]:
    with _open(selection.path) as file:
        lines = _lines(file)
        parser = _Parser(selection.path, next(lines, b""))
        for number, line in enumerate(
            islice(lines, selection.first, selection.end), selection.first
        ):
            yield number, parser.parse(number, line)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return filter(None, map(bytes.strip, file))


class _Parser:
    """Parse lines by the header's order of columns.

    msgspec checks a line of plain JSON numbers in 1 us; the line then only needs splitting at its
    commas. Any other line is parsed as CSV, number by number.
    """

    def __init__(self, path: Path, header: bytes) -> None:
        self._path = path
        names = next(csv.reader([header.decode("utf-8-sig", errors="replace")]), [])
        self._position = {name.strip(): i for i, name in enumerate(names)}
        missing = [name for name in COLUMNS if name not in self._position]
        if missing:
            raise DataError(
                f"{path} lacks the columns {', '.join(missing)}: "
                "it must have Time, V1 to V28, Amount and Class"
            )
        kinds: list[Any] = [Any] * len(names)
        for name in COLUMNS:
            kinds[self._position[name]] = Literal["0", "1", 0, 1] if name == "Class" else float
        self._width = len(names)
        self._time = self._position["Time"]
        self._class = self._position["Class"]
        self._account = self._position.get(_ACCOUNT)
        self._decode = msgspec.json.Decoder(tuple.__class_getitem__(tuple(kinds))).decode
        self._inputs = itemgetter(*(self._position[name] for name in INPUTS))

    def parse(self, number: int, line: bytes) -> _Parsed:
        """Parse row `number`. Raise DataError."""
        fields = line.split(b",")
        try:
            values = cast(Sequence[Any], self._decode(b"[%b]" % line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._parse_csv(number, line)
        if len(fields) != self._width:  # a comma inside a quoted field
            return self._parse_csv(number, line)
        account = (
            None if self._account is None else fields[self._account].strip(b' "').decode() or None
        )
        return values[self._time], self._inputs(fields), values[self._class] in (1, "1"), account

    def _parse_csv(self, number: int, line: bytes) -> _Parsed:
        texts = next(csv.reader([line.decode(errors="replace")]))
        if len(texts) < self._width:
            raise DataError(
                f"{self._path}, row {number} is cut short: "
                f"it has {len(texts)} of {self._width} columns"
            )
        time, is_fraud = (self._number(number, name, texts) for name in ("Time", "Class"))
        if is_fraud not in (0, 1):
            raise DataError(f"{self._path}, row {number}: Class is {is_fraud:g}, not 0 or 1")
        numbers = tuple(
            repr(self._number(number, name, texts)).encode() if self._text(name, texts) else None
            for name in INPUTS
        )
        account = self._text(_ACCOUNT, texts) if _ACCOUNT in self._position else ""
        return time, numbers, is_fraud == 1, account or None

    def _text(self, name: str, texts: list[str]) -> str:
        return texts[self._position[name]].strip()

    def _number(self, number: int, name: str, texts: list[str]) -> float:
        text = self._text(name, texts)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise DataError(f"{self._path}, row {number}: {name} is {text!r}, not a number")
        return value

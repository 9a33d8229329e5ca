"""Recognize and stream text with a separator: its encoding and separator."""

import contextlib
import csv
import io
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from payments.errors import PaymentFileError
from payments.files.columns import Columns, count_known, match_columns
from payments.files.container import find_format, find_packing, open_packed
from payments.files.quotes import ADVICE, QuoteCheck
from payments.files.table import Table

_BLOCK = 1 << 19  # bytes; no record may be longer
_SEPARATORS = {",": ",", ";": "';'", "\t": "tab", "|": "'|'"}
_UTF8 = "utf-8"
# What may precede the header: a byte order mark, blank lines, and Excel's line with the separator.
_LEAD = re.compile(r'\ufeff?[\r\n]*(?:"?sep=([,;\t|])"?[\r\n]+)?', re.IGNORECASE)


def recognize(path: Path, known: Columns | None) -> Table:
    """Return the table in a text file, and how it is written. Raises PaymentFileError.

    `known`: the columns to read, by default all.
    """
    packing = find_packing(path)
    with open_packed(path) as file:
        head = file.read(_BLOCK)
    if binary := find_format(head):
        packed = f" in {packing}" if packing else ""
        raise PaymentFileError(
            f"{path} is {binary}{packed}; "
            "save it as CSV in UTF-8, packed once at most, or as Parquet, not packed"
        )
    encoding = _find_encoding(head)
    text = head.decode(encoding, errors="replace")
    lead = next(_LEAD.finditer(text))
    text = text[lead.end() :]
    if not text.strip():
        raise PaymentFileError(f"{path} is empty")
    separator, header = _find_header(path, text, lead[1] or "".join(_SEPARATORS), known or ())
    columns = match_columns(path, header, known or header)
    stream = partial(
        _stream, path, encoding, len(lead[0].encode()), separator, len(header), columns
    )
    notes = [
        packing,
        None if encoding == _UTF8 else encoding.upper(),
        None if separator == "," else f"separator {_SEPARATORS[separator]}",
    ]
    return Table(header, columns, [note for note in notes if note], stream)


def _find_encoding(head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if b"\0" in head[:2]:
        return "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    return _UTF8


def _find_header(
    path: Path, text: str, separators: str, known: Iterable[str]
) -> tuple[str, list[str]]:
    """Return the separator that gives the most known columns, and the names."""
    try:
        headers = {
            separator: next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [])
            for separator in separators
        }
    except csv.Error:  # a name longer than csv.field_size_limit
        raise PaymentFileError(f"{path}: the header opens a quote that is never closed") from None
    separator = max(
        headers, key=lambda each: (count_known(headers[each], known), len(headers[each]))
    )
    if "\0" in "".join(headers[separator]):
        raise PaymentFileError(f"{path} is binary, not text; save it as CSV in UTF-8")
    return separator, headers[separator]


class _CheckedText(io.RawIOBase):
    """Text in UTF-8, checked as it is read."""

    def __init__(self, file: Any, quotes: QuoteCheck) -> None:
        self._file = file
        self._quotes = quotes
        self._ended = False

    def end(self) -> None:
        """Read nothing more: the rest looks empty."""
        self._ended = True

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._ended:
            return b""
        block: bytes = self._file.read(size)
        self._quotes.add(block)
        return block


def _stream(
    path: Path, encoding: str, skip: int, separator: str, width: int, columns: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    """Yield batches. `skip`: the bytes in UTF-8 before the header; `width`: of its columns."""
    broken: list[Any] = []

    def refuse(row: Any) -> str:
        if not row.text.strip():
            return "skip"
        broken.append(row)
        return "error"

    with open_packed(path) as file:
        text: Any = file
        if encoding != _UTF8:
            text = pa.transcoding_input_stream(pa.PythonFile(file, "r"), encoding, _UTF8)
        text.read(skip)
        checked = _CheckedText(text, QuoteCheck(path, separator, width, _BLOCK))
        batches: Iterator[pa.RecordBatch] = iter(())
        try:
            batches = pyarrow.csv.open_csv(
                checked,
                pyarrow.csv.ReadOptions(block_size=_BLOCK, use_threads=False),
                pyarrow.csv.ParseOptions(
                    delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
                ),
                pyarrow.csv.ConvertOptions(
                    include_columns=list(columns.values()),
                    column_types=dict.fromkeys(columns.values(), pa.binary()),
                    strings_can_be_null=False,
                ),
            )
            for batch in batches:
                yield batch.rename_columns(list(columns))
        except pa.ArrowInvalid as error:
            if broken:
                raise PaymentFileError(_describe_width(path, broken[0])) from None
            if "Empty CSV" not in str(error):  # a header without a line break
                raise
        finally:
            # Arrow reads ahead in a thread, which would abort the process if Python ended then
            checked.end()
            with contextlib.suppress(Exception):  # of the rest, which nobody asked for
                deque(batches, maxlen=0)


def _describe_width(path: Path, row: Any) -> str:
    number = row.number - 2  # Arrow counts from 1, with the header
    lines = len(row.text.strip().splitlines())
    if lines > 1:
        return (
            f"{path}, row {number} has {row.actual_columns} columns, the header "
            f"{row.expected_columns}, with a quote that closes on its line {lines}: {ADVICE}"
        )
    if row.actual_columns < row.expected_columns:
        return (
            f"{path}, row {number} is cut short: "
            f"it has {row.actual_columns} of {row.expected_columns} columns"
        )
    return (
        f"{path}, row {number} has {row.actual_columns} columns, "
        f"the header {row.expected_columns}: quote text and numbers that contain the separator"
    )

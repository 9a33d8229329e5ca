"""Recognise and stream text with a separator: its encoding and separator."""

import csv
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv

from payments.errors import PaymentFileError
from payments.files.columns import count_known, match_columns
from payments.files.container import find_packing, open_packed
from payments.files.table import Table

_BLOCK = 1 << 19  # bytes; no record may be longer
_SEPARATORS = {",": ",", ";": "';'", "\t": "tab", "|": "'|'"}
_UTF8 = "utf-8"


def recognise(path: Path) -> Table:
    """Return the table in a text file, and how it is written. Raises PaymentFileError."""
    packing = find_packing(path)
    with open_packed(path) as file:
        head = file.read(_BLOCK)
    if not head.strip():
        raise PaymentFileError(f"{path} is empty")
    encoding = _find_encoding(head)
    separator, header = _find_header(head.decode(encoding, errors="replace"))
    columns = match_columns(path, header)
    stream = partial(_stream, path, encoding, separator, columns)
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


def _find_header(text: str) -> tuple[str, list[str]]:
    """Return the separator that gives the most known columns, and the names."""
    lines = text.removeprefix("\ufeff").lstrip("\r\n")
    headers = {
        separator: next(csv.reader(io.StringIO(lines, newline=""), delimiter=separator), [])
        for separator in _SEPARATORS
    }
    separator = max(headers, key=lambda each: (count_known(headers[each]), len(headers[each])))
    return separator, headers[separator]


def _stream(
    path: Path, encoding: str, separator: str, columns: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    broken: list[Any] = []

    def refuse(row: Any) -> str:
        if not row.text.strip():
            return "skip"
        broken.append(row)
        return "error"

    with open_packed(path) as file:
        try:
            for batch in pyarrow.csv.open_csv(
                file,
                pyarrow.csv.ReadOptions(block_size=_BLOCK, use_threads=False, encoding=encoding),
                pyarrow.csv.ParseOptions(
                    delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
                ),
                pyarrow.csv.ConvertOptions(
                    include_columns=list(columns.values()),
                    column_types=dict.fromkeys(columns.values(), pa.binary()),
                    strings_can_be_null=False,
                ),
            ):
                yield batch.rename_columns(list(columns))
        except pa.ArrowInvalid:
            if not broken:
                raise
            raise PaymentFileError(_describe_width(path, broken[0])) from None


def _describe_width(path: Path, row: Any) -> str:
    number = row.number - 2  # Arrow counts from 1, with the header
    if row.actual_columns < row.expected_columns:
        return (
            f"{path}, row {number} is cut short: "
            f"it has {row.actual_columns} of {row.expected_columns} columns"
        )
    return (
        f"{path}, row {number} has {row.actual_columns} columns, "
        f"the header {row.expected_columns}: quote text and numbers that contain the separator"
    )

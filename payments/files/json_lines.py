"""Recognize and stream JSON lines: an object for each payment, whose fields may be nested."""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice
from pathlib import Path

import msgspec
import pyarrow as pa

from payments.errors import PaymentFileError
from payments.files.columns import Columns, match_columns
from payments.files.container import find_packing, open_packed
from payments.files.table import Table

_ROWS = 4096
_HEADER_ROWS = 1_000  # whose fields are the header
_MAX_BYTES = 1 << 20  # of a line
_MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark

_Members = dict[str, msgspec.Raw]
_decode = msgspec.json.Decoder(_Members).decode
_decode_text = msgspec.json.Decoder(str).decode


def is_json(path: Path) -> bool:
    """Return whether a file's text starts as JSON does."""
    try:
        with open_packed(path) as file:
            head = file.read(1024)
    except (EOFError, OSError, PaymentFileError):
        return False
    return head.removeprefix(_MARK).lstrip()[:1] in (b"{", b"[")


def recognize(path: Path, known: Columns | None) -> Table:
    """Return the table in JSON lines. Raises PaymentFileError.

    `known`: the columns to read, by default all. Optional ones may first appear in any row.
    """
    header: dict[str, None] = {}
    for _, members in islice(_read_objects(path), _HEADER_ROWS):
        header |= dict.fromkeys(_list_paths(members))
    columns = match_columns(path, list(header), known or header)
    for name, field in (known or {}).items():
        if field.optional:
            columns.setdefault(name, name)
    packing = find_packing(path)
    notes = ["JSON lines", *([packing] if packing else [])]
    return Table(list(header), columns, notes, partial(_stream, path, columns), is_nested=True)


def _read_objects(path: Path) -> Iterator[tuple[int, _Members]]:
    """Yield the number and the members of each row."""
    row = 0
    with open_packed(path) as file:
        while line := file.readline(_MAX_BYTES):
            text = line.removeprefix(_MARK).strip()
            if not text:
                continue
            if len(line) == _MAX_BYTES:
                raise PaymentFileError(f"{path}, row {row} is longer than {_MAX_BYTES:,} bytes")
            yield row, _decode_object(path, row, text)
            row += 1


def _decode_object(path: Path, row: int, text: bytes) -> _Members:
    try:
        return _decode(text)
    except UnicodeDecodeError:
        cause = "is not UTF-8; save the file as UTF-8"
    except msgspec.ValidationError:
        cause = "is not a JSON object; write one object a line"
    except msgspec.DecodeError as error:
        cause = f"is not JSON: {error}; write one object a line"
    raise PaymentFileError(f"{path}, row {row} {cause}")


def _list_paths(members: _Members) -> Iterator[str]:
    for name, value in members.items():
        if bytes(value)[:1] == b"{":
            yield from (f"{name}.{path}" for path in _list_paths(_decode(value)))
        else:
            yield name


def _stream(path: Path, columns: Mapping[str, str]) -> Iterator[pa.RecordBatch]:
    paths = {name: spelling.split(".") for name, spelling in columns.items()}
    rows = _read_objects(path)
    while chunk := list(islice(rows, _ROWS)):
        yield pa.RecordBatch.from_pydict(
            {
                name: pa.array(
                    [_read_cell(path, row, name, members, place) for row, members in chunk],
                    pa.binary(),
                )
                for name, place in paths.items()
            }
        )


def _read_cell(path: Path, row: int, name: str, members: _Members, place: list[str]) -> bytes:
    """Return a value as text; a missing one is empty. `place`: the names on the way to it."""
    *groups, leaf = place
    try:
        for group in groups:
            value = bytes(members.get(group, b""))
            if value[:1] != b"{":
                return b""
            members = _decode(value)
        value = bytes(members.get(leaf, b""))
        text = _decode_text(value).encode() if value[:1] == b'"' else value
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PaymentFileError(f"{path}, row {row}: {name} is not JSON in UTF-8") from None
    if value[:1] in (b"{", b"["):
        raise PaymentFileError(f"{path}, row {row}: {name} is neither text nor a number")
    return b"" if value == b"null" else text

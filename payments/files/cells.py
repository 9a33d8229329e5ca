"""Read the numbers and words in cells of text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from payments.arrays import Floats
from payments.contract import FLOAT32_OVERFLOW, IDENTIFIER_CHARACTERS
from payments.files.columns import Columns
from payments.schema.declaration import FieldDeclaration
from payments.transaction import TEXT_CHARACTERS

# Text that means a missing value, in any case: what pandas and R write, and spreadsheets show.
MISSING = frozenset({"", "nan", "na", "n/a", "#n/a", "<na>", "null", "none"})
_MISSING_TEXTS = pa.array(sorted(MISSING))
_EMPTY = pa.array([""])

# A JSON number that fits a float32. Others are read one by one.
_PLAIN_AMOUNT = r"(?:0|[1-9][0-9]{0,18})(?:\.[0-9]+)?(?:[eE](?:[+]?0?|-[0-9]?)[0-9])?"
_PLAIN_MINOR = "(?:0|[1-9][0-9]{0,18})"
_PLAIN = f"-?{_PLAIN_AMOUNT}"
_PLAIN_ROW = f"^{_PLAIN}(?:\n{_PLAIN})*$"
_JSON = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INFINITE = re.compile(r"[+-]?inf(?:inity)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[.,'\u2019\s]\d{3})+(?:[.,]\d+)?")
# A comma that cannot separate thousands: not before three digits, after a zero, or after points.
_DECIMAL_COMMA = re.compile(
    rb"[+-]?(?:0?,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+)(?:[eE][+-]?\d+)?"
)
_BOOLEANS = {"true": "1", "false": "0", "yes": "1", "no": "0"}
_SWAPPED = bytes.maketrans(b",.", b".,")


@dataclass(frozen=True)
class Column:
    """The cells of a column.

    `texts`: an Arrow array of each cell: a number as JSON, the file's own text if that is JSON; a
    time of RFC 3339 as microseconds since 1970; other text as it is. It is null if missing or
    invalid. `invalid`: the cause for each invalid cell.
    """

    texts: pa.Array
    invalid: Mapping[int, str]

    @cached_property
    def values(self) -> Floats:
        """The numbers as float64[n], NaN if missing or invalid."""
        texts = self.texts
        numbers = texts if pa.types.is_integer(texts.type) else texts.cast(pa.string())
        return np.asarray(numbers.cast(pa.float64(), safe=False).fill_null(np.nan))

    def find_missing(self) -> list[int]:
        """Return the positions of missing cells."""
        if not self.texts.null_count:
            return []
        nulls = np.flatnonzero(np.asarray(self.texts.is_null()))
        return [i for i in nulls.tolist() if i not in self.invalid]


def uses_decimal_comma(columns: Iterable[pa.Array]) -> bool:
    """Return whether commas are decimal marks in some cells, and points in none, beyond doubt."""
    cells = [cell.strip() for column in columns for cell in column.to_pylist()]
    if b"," not in b"\n".join(cells):
        return False
    points = (cell.translate(_SWAPPED) for cell in cells)
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any(
        map(_DECIMAL_COMMA.fullmatch, points)
    )


def read_numbers(
    cells: Mapping[str, pa.Array], columns: Columns, decimal_comma: bool = False
) -> dict[str, Column]:
    """Return the numbers in the cells of each column; a boolean is 1 or 0."""
    if decimal_comma:
        swapped = {name: _swap_marks(column) for name, column in cells.items()}
        return {name: _read_cells(columns[name], swapped[name], cells[name]) for name in cells}
    rows = pc.binary_join_element_wise(*cells.values(), b"\n")
    plain = _all_match(rows, _PLAIN_ROW)  # one match a row costs 1 us, one a cell 3 to 5
    return {
        name: Column(column, {})
        if plain and columns[name].type not in ("amount", "boolean")
        else _read_cells(columns[name], column, column)
        for name, column in cells.items()
    }


def _all_match(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _swap_marks(column: pa.Array) -> pa.Array:
    return pa.array([cell.translate(_SWAPPED) for cell in column.to_pylist()], pa.binary())


def _is_plain(field: FieldDeclaration, column: pa.Array) -> bool:
    """Return whether all cells are JSON numbers that the field may have."""
    if field.type == "boolean":
        return set(column.unique().to_pylist()) <= {b"0", b"1"}
    if field.type == "amount":
        return _all_match(column, f"^{_PLAIN_MINOR if field.unit == 'minor' else _PLAIN_AMOUNT}$")
    return _all_match(column, f"^{_PLAIN}$")


def _read_cells(field: FieldDeclaration, column: pa.Array, original: pa.Array) -> Column:
    if _is_plain(field, column):
        return Column(column, {})
    texts: list[bytes | None] = []
    invalid = {}
    for i, text in enumerate(column.to_pylist()):
        number = _read_number(field, text.decode(errors="replace").strip(" \t\xa0'\""))
        if isinstance(number, str):
            invalid[i] = number % repr(original[i].as_py().decode(errors="replace").strip())
        texts.append(_write_json(field, text, number) if isinstance(number, float) else None)
    return Column(pa.array(texts, pa.binary()), invalid)


def _write_json(field: FieldDeclaration, text: bytes, number: float) -> bytes:
    if field.unit == "minor":
        return b"%d" % number
    return text if _JSON.fullmatch(text) else repr(number).encode()


def _read_number(field: FieldDeclaration, word: str) -> float | str | None:
    """Return the number, None if it is missing, or the cause (with %s for the text)."""
    if word.casefold() in MISSING:
        return None
    if field.type == "boolean":
        word = _BOOLEANS.get(word.casefold(), word)
    if _INFINITE.fullmatch(word):
        return "is %s, which is infinite"
    if not _NUMBER.fullmatch(word):
        thousands = _THOUSANDS.fullmatch(word)
        return "is %s; remove the thousands separators" if thousands else "is %s, not a number"
    value = float(word)
    if cause := _find_refusal(field, value):
        return f"is %s, {cause}"
    return value


def _find_refusal(field: FieldDeclaration, value: float) -> str | None:
    """Return why no transaction may have a value; None if one may."""
    if abs(value) >= FLOAT32_OVERFLOW:
        return "which does not fit a float32"
    if field.type == "amount" and value < 0:
        return "which is negative"
    if field.type == "amount" and field.unit == "minor" and value % 1:
        return "which is no whole number of minor units"
    if field.type == "boolean" and value not in (0, 1):
        return "not 0 or 1"
    return None


def read_text(cells: pa.Array, field: FieldDeclaration) -> Column:
    """Return the text in cells, without the blanks around it."""
    limit = TEXT_CHARACTERS if field.type == "text" else IDENTIFIER_CHARACTERS
    try:
        texts = pc.utf8_trim_whitespace(cells.cast(pa.string()))
    except pa.ArrowInvalid:
        return Column(pa.nulls(len(cells), pa.string()), dict(_find_bad_bytes(cells)))
    # In a category the other words may be values: NA is the country Namibia.
    words = _EMPTY if field.type == "category" else _MISSING_TEXTS
    texts = pc.if_else(pc.is_in(pc.utf8_lower(texts), words), None, texts)
    lengths = pc.utf8_length(texts)
    invalid = {}
    if (pc.max(lengths).as_py() or 0) > limit:
        invalid = {
            i: f"has {length} characters, {limit} are allowed"
            for i, length in enumerate(lengths.to_pylist())
            if length is not None and length > limit
        }
    return Column(texts, invalid)


def _find_bad_bytes(cells: pa.Array) -> Iterator[tuple[int, str]]:
    for i, cell in enumerate(cells.to_pylist()):
        try:
            cell.decode()
        except UnicodeDecodeError as error:
            byte = f"byte {cell[error.start]:#04x}, as in Latin-1"
            yield i, f"is not UTF-8 ({byte}); save the file as UTF-8"

"""Read times in text: RFC 3339, also with a space for its T, or without an offset for UTC."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from payments.files.cells import MISSING, Column
from payments.rfc3339 import TimeFormatError, count_microseconds, parse_text

# What Arrow reads as RFC 3339 means it. Other cells are read one by one.
_PLAIN = (
    r"^(?:19|20)\d\d-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,6})?"
    r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$"
)
_PLAIN_LOCAL = _PLAIN.replace(r"(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", "")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_AMBIGUOUS = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?:[ T,].*)?", re.ASCII)
_EXAMPLE = "write times as 2026-01-31T12:00:00Z"


def are_local(cells: pa.Array) -> bool:
    """Return whether the first time in cells of text has no offset."""
    words = (cell.decode(errors="replace").strip() for cell in cells.to_pylist())
    first = next((word for word in words if word.casefold() not in MISSING), "")
    return bool(_LOCAL.fullmatch(first))


def is_refused_date(word: str) -> bool:
    """Return whether a text is a date that has no time of day or can be read in two ways."""
    return bool(_DATE.fullmatch(word) or _AMBIGUOUS.fullmatch(word))


def read_times(cells: pa.Array, local: bool) -> Column:
    """Return the times in cells of text, `local` ones without an offset, as UTC."""
    pattern, kind = (_PLAIN_LOCAL, None) if local else (_PLAIN, "UTC")
    if pc.all(pc.match_substring_regex(cells, pattern)).as_py():
        try:
            times = cells.cast(pa.string()).cast(pa.timestamp("us", kind))
        except pa.ArrowInvalid:
            pass  # no such day or hour: the cell is found below
        else:
            return Column(times.cast(pa.int64()), {})
    micros: list[int | None] = []
    invalid = {}
    for i, cell in enumerate(cells.to_pylist()):
        word = cell.decode(errors="replace").strip(" \t\xa0'\"")
        time = None if word.casefold() in MISSING else _read_time(word, local)
        micros.append(time if isinstance(time, int) else None)
        if isinstance(time, str):
            invalid[i] = f"is {word!r}, {time}"
    return Column(pa.array(micros, pa.int64()), invalid)


def _read_time(word: str, local: bool) -> int | str:
    """Return the microseconds since 1970, or what is wrong."""
    if _AMBIGUOUS.fullmatch(word):
        return f"in which the day and the month can be mistaken for each other; {_EXAMPLE}"
    if _DATE.fullmatch(word):
        return f"a date without a time of day; {_EXAMPLE}"
    spelled = f"{word[:10]}T{word[11:]}" if word[10:11] == " " else word
    is_local = bool(_LOCAL.fullmatch(word))
    try:
        time = parse_text(f"{spelled}Z" if is_local else spelled)
    except TimeFormatError as error:
        return str(error)
    if is_local != local:
        found, first = ("no offset", "one") if is_local else ("an offset", "none")
        return f"which has {found}; the first row has {first}"
    return count_microseconds(time)

"""The columns of a payment file.

Time        seconds from the first row, or Unix time
V1..V28     components
Amount      in the currency of the data
Class       1: fraud, 0: legitimate; optional unless labels are needed
account_id  text; optional
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from payments.contract import COMPONENTS, INPUTS
from payments.errors import PaymentFileError

TIME, AMOUNT, CLASS, ACCOUNT = "Time", "Amount", "Class", "account_id"
COLUMNS = (TIME, *INPUTS, CLASS)

_NAMES = {name.casefold(): name for name in (*COLUMNS, ACCOUNT)}
_SHOWN = 40


def count_known(header: Iterable[str]) -> int:
    """Return how many names of a header are those of known columns."""
    return sum(name.strip().casefold() in _NAMES for name in header)


def match_columns(path: Path, header: Sequence[str]) -> dict[str, str]:
    """Return the spelling in the header of each known column it has.

    Upper and lower case are the same. Raises PaymentFileError if a known column is repeated.
    """
    spellings: dict[str, str] = {}
    for spelling in header:
        name = _NAMES.get(spelling.strip().casefold())
        if name in spellings:
            raise PaymentFileError(
                f"{path} repeats the column {name} ({spellings[name]!r}, {spelling!r}); keep one"
            )
        if name:
            spellings[name] = spelling
    return spellings


def require(path: Path, needed: Iterable[str], header: Sequence[str]) -> None:
    """Raise PaymentFileError if a header lacks a needed column; list what it has."""
    has = match_columns(path, header)
    lacking = [name for name in needed if name not in has]
    if lacking:
        names = [spelling.strip() for spelling in header if spelling.strip()]
        listed = ", ".join(_abbreviate(names)[:_SHOWN]) or "no names"
        raise PaymentFileError(
            f"{path} lacks the columns {', '.join(_abbreviate(lacking))}; "
            f"the header has {listed[:500]}"
        )


def _abbreviate(names: list[str]) -> list[str]:
    """Replace a complete run of V1 to V28 by V1..V28."""
    size = len(COMPONENTS)
    for at in range(len(names)):
        if tuple(names[at : at + size]) == COMPONENTS:
            return [*names[:at], f"{COMPONENTS[0]}..{COMPONENTS[-1]}", *names[at + size :]]
    return names

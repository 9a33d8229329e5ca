"""The columns of a payment file: those of a schema's fields, and of its labels.

The label is a boolean: 1 is fraud, 0 legitimate. When it became known is written like the payment's
time.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from payments.errors import PaymentFileError
from payments.numbered_names import abbreviate
from payments.schema.declaration import FROM_FIRST_ROW, FieldDeclaration
from payments.schema.reading import Schema

Columns = Mapping[str, FieldDeclaration]
"""The declaration of each column's cells."""

TEXTS = ("id", "entity", "category", "text")
"""The types of fields whose cells are text."""
TEXT = FieldDeclaration(type="text")

_SHOWN = 40


def list_columns(schema: Schema) -> dict[str, FieldDeclaration]:
    """Return the columns that a file of payments may have, in the order of their declaration."""
    roles = schema.roles
    columns = {schema.columns[name]: field for name, field in schema.fields.items()}
    if roles.label is not None:
        columns[roles.label] = FieldDeclaration(type="boolean", optional=True)
    if roles.labelled_at is not None:
        unit = schema.fields[roles.time].unit
        columns[roles.labelled_at] = FieldDeclaration(type="time", unit=unit, optional=True)
    return columns


def list_needed(schema: Schema) -> tuple[str, ...]:
    """Return the columns without which no row is a payment.

    A row's number can stand for the id, and for a time that counts from the first row.
    """
    return tuple(
        schema.columns[name]
        for name, field in schema.fields.items()
        if not (field.optional or field.type == "id" or field.unit == FROM_FIRST_ROW)
    )


def count_known(header: Iterable[str], known: Iterable[str]) -> int:
    """Return how many names of a header are those of known columns."""
    names = {name.casefold() for name in known}
    return sum(name.strip().casefold() in names for name in header)


def match_columns(path: Path, header: Sequence[str], known: Iterable[str]) -> dict[str, str]:
    """Return the spelling in the header of each known column it has.

    Upper and lower case are the same. Raises PaymentFileError if a known column is repeated.
    """
    names = {name.strip().casefold(): name.strip() for name in known}
    spellings: dict[str, str] = {}
    for spelling in header:
        name = names.get(spelling.strip().casefold())
        if name in spellings:
            raise PaymentFileError(
                f"{path} repeats the column {name} ({spellings[name]!r}, {spelling!r}); keep one"
            )
        if name:
            spellings[name] = spelling
    return spellings


def require(path: Path, needed: Iterable[str], header: Sequence[str], known: Iterable[str]) -> None:
    """Raise PaymentFileError if a header lacks a needed column; list what it has."""
    has = match_columns(path, header, known)
    lacking = [name for name in needed if name not in has]
    if lacking:
        names = [spelling.strip() for spelling in header if spelling.strip()]
        listed = ", ".join(abbreviate(names, known)[:_SHOWN]) or "no names"
        raise PaymentFileError(
            f"{path} lacks the columns {', '.join(abbreviate(lacking, known))}; "
            f"the header has {listed[:500]}"
        )

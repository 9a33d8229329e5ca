"""Guess what the columns of a file are, each with the reason.

Names decide before values: a number named `mcc` is a category, and nothing that identifies somebody
ever is.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from payments.contract import IDENTIFIER_CHARACTERS
from payments.errors import InputError
from payments.schema.declaration import FROM_FIRST_ROW, FieldType
from payments.schema.profile import ColumnProfile, FileProfile

_TIMES = ("timestamp", "datetime", "time", "unix", "epoch", "ts", "created", "at", "date")
_ELAPSED = ("time", "seconds", "second", "elapsed")
_LABELS = ("fraud", "isfraud", "betrug", "fraude", "label", "class", "target", "chargeback")
_KNOWN = ("labelled", "labeled", "label", "reported", "confirmed", "chargeback", "fraud")
# Nobody knows what these say when the payment is made.
_AFTERWARDS = (*_LABELS[:5], "labelled", "labeled", "chargeback", "dispute", "reported")
_AMOUNTS = ("amount", "amt", "value", "total", "price", "sum", "betrag", "montant", "importe")
_IDS = ("id", "uuid", "guid", "ref", "reference", "num", "no", "nr", "number", "key", "name")
_CERTAIN_IDS = ("id", "uuid", "guid")
# The first of these is the likeliest key of the messages.
_ENTITIES = (
    *("card", "account", "acct", "customer", "client", "payer", "user", "sender", "iban", "cc"),
    *("orig", "merchant", "terminal", "device", "payee", "receiver", "beneficiary", "dest"),
    *("email", "phone", "ip"),
)
_CATEGORIES = ("code", "mcc", "type", "category", "country", "currency", "channel", "status", "zip")

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_PLAIN_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?", re.ASCII)
_MOST_CATEGORIES = 1_000
_FEW = 50  # different texts are categories, whatever the number of rows
_REPEATED = 0.05  # more texts are categories if they are at most this share of the rows
_UNIQUE = 0.9  # of the rows have a text of their own: it identifies nobody who comes back


class Guess(NamedTuple):
    """What a column is. `column` is None for a field that the file does not have."""

    column: ColumnProfile | None
    type: FieldType
    why: str


class Guesses(NamedTuple):
    """The fields of a file, by the names of their columns, and which of them has which role.

    `roles` maps a role to a column and the reason; a label and when it was known are no fields.
    `left_out` has the reason for each column that is neither a field nor a role.
    """

    fields: dict[str, Guess]
    roles: dict[str, tuple[str, str]]
    left_out: dict[str, str]


def split_words(name: str) -> list[str]:
    """Return the words of a column's name, in lower case."""
    return [word.lower() for word in _WORD.findall(name)]


def guess(file: FileProfile) -> Guesses:
    """Return what the columns of a file are. Raises InputError without a time or an amount."""
    columns = {column.name: column for column in file.columns}
    left_out = {
        name: columns.pop(name).values[0]
        for name in list(columns)
        if columns[name].content == "unusable"
    }
    roles: dict[str, tuple[str, str]] = {}

    def take(role: str, found: ColumnProfile | None, why: str) -> None:
        if found is not None:
            roles[role] = (found.name, why)
            del columns[found.name]

    take("label", _find_label(columns.values()), "two values, and its name")
    time = _find_time(file, columns.values())
    fields = {time.name: Guess(time, "time", _describe_time(time))}
    take("time", time, "the column of times")
    known = _find_known(columns.values(), time) if "label" in roles else None
    take("labelled_at", known, "times, and its name")
    for name in list(columns):
        if _rank(columns[name], _AFTERWARDS) is not None:
            left_out[name] = "its name says that it is about frauds, as only labels may be"
            del columns[name]
    amount, why = _find_amount(file, columns.values())
    negative = "; negative ones are refused: leave refunds out" if amount.low < 0 else ""
    fields[amount.name] = Guess(amount, "amount", f"{_describe_range(amount)}{negative}")
    take("amount", amount, why)
    if identifier := _find_id(file, columns.values()):
        fields[identifier.name] = Guess(identifier, "id", "it differs in each row")
        take("id", identifier, "it differs in each row")
    else:
        fields["transaction_id"] = Guess(None, "id", "not in the file: `fraud replay` makes them")
        roles["id"] = ("transaction_id", "the file has none")
    fields |= {name: _guess_type(column, file.rows) for name, column in columns.items()}
    roles["key"] = _choose_key(fields)
    ordered = {one.name: fields[one.name] for one in file.columns if one.name in fields}
    return Guesses(ordered | fields, roles, left_out)


def _rank(column: ColumnProfile, wanted: Sequence[str]) -> int | None:
    """Return the place of the first wanted word in a column's name."""
    places = [wanted.index(word) for word in split_words(column.name) if word in wanted]
    return min(places, default=None)


def _find_named(columns: Iterable[ColumnProfile], wanted: Sequence[str]) -> ColumnProfile | None:
    """Return the column with the likeliest name: an early wanted word, and few others."""
    named = [(_rank(column, wanted), column) for column in columns]
    ranked = [
        (rank, len(split_words(column.name)), place, column)
        for place, (rank, column) in enumerate(named)
        if rank is not None
    ]
    return min(ranked)[-1] if ranked else None


def _is_binary(column: ColumnProfile) -> bool:
    is_number = column.content == "number" and not column.decimals
    return column.content == "boolean" or (is_number and column.low >= 0 and column.high <= 1)


def _find_label(columns: Iterable[ColumnProfile]) -> ColumnProfile | None:
    return _find_named(filter(_is_binary, columns), _LABELS)


def _find_time(file: FileProfile, columns: Iterable[ColumnProfile]) -> ColumnProfile:
    candidates = []
    for place, column in enumerate(columns):
        rank = _rank(column, _TIMES)
        written = column.content == "time"
        counted = column.content == "number" and column.unit is not None
        if counted and column.unit == FROM_FIRST_ROW:
            counted = column.is_ordered and _rank(column, _ELAPSED) is not None
        elif counted:
            counted = column.is_counter or rank is not None
        if not column.missing and (written or counted):
            rank = len(_TIMES) if rank is None else rank
            elapsed = column.unit == FROM_FIRST_ROW
            candidates.append((elapsed, not column.is_ordered, not written, rank, place, column))
    if candidates:
        return min(candidates)[-1]
    advice = "write one as 2026-01-31T12:00:00Z, or as Unix seconds"
    for column in file.columns:
        if column.content == "date":
            raise InputError(
                f"{file.file} has no time that can be read in one way only: {column.name} is "
                f"{column.values[0]!r}; {advice}"
            )
        if column.content == "time":
            raise InputError(
                f"{file.file}: {column.name} is missing in {column.missing:,} of {file.rows:,} "
                "rows; leave out payments without a time"
            )
    raise InputError(f"{file.file} has no column of times: {advice}; training goes by time")


def _describe_time(time: ColumnProfile) -> str:
    order = "in order" if time.is_ordered else "not in order: training needs them sorted"
    example = f"such as {time.values[0]}" if time.unit == "rfc3339" else f"{time.unit}, by its size"
    return f"{example}; {order}"


def _find_known(columns: Iterable[ColumnProfile], time: ColumnProfile) -> ColumnProfile | None:
    alike = (column for column in columns if column.unit == time.unit and column.content == "time")
    return _find_named(alike, _KNOWN)


def _find_amount(
    file: FileProfile, columns: Collection[ColumnProfile]
) -> tuple[ColumnProfile, str]:
    numbers = [column for column in columns if column.content == "number"]
    if named := _find_named(numbers, _AMOUNTS):
        return named, "named like an amount"
    for column in columns:
        if _rank(column, _AMOUNTS) is not None and column.content == "text":
            raise InputError(
                f"{file.file}: {column.name} has the name of an amount and text that is no number"
                f"{_find_word(column.values)}: remove thousands separators and currencies"
            )
    fractions = [column for column in numbers if column.decimals and column.low >= 0]
    if len(fractions) == 1:
        return fractions[0], "the only number with decimals"
    listed = ", ".join(column.name for column in numbers[:10])
    raise InputError(
        f"{file.file} has no column with the name of an amount: name one `amount`"
        + (f"; its numbers are {listed}" if listed else "")
    )


def _find_word(values: Sequence[str]) -> str:
    """Return the first value that is no number as an example; "" without one."""
    found = next((value for value in values if not _PLAIN_NUMBER.fullmatch(value)), None)
    return f", such as {found!r}" if found else ""


def _find_id(file: FileProfile, columns: Iterable[ColumnProfile]) -> ColumnProfile | None:
    unique = [
        column
        for column in columns
        if column.distinct == file.rows
        and (column.content == "text" or (column.content == "number" and not column.decimals))
        and _rank(column, _ENTITIES) is None
    ]
    texts = [column for column in unique if column.content == "text"]
    return _find_named(unique, _IDS) or (texts[0] if texts and file.rows > _FEW else None)


def _describe_range(column: ColumnProfile) -> str:
    return f"{column.low:,.15g} to {column.high:,.15g}"


def _guess_type(column: ColumnProfile, rows: int) -> Guess:
    counted = f"{column.distinct:,} values"
    is_code = _rank(column, _CATEGORIES) is not None
    is_whole = column.content == "number" and not column.decimals
    kind: FieldType = "text"
    why = "another time"
    if column.content == "nothing":
        why = "without a value in any row"
    elif column.longest > IDENTIFIER_CHARACTERS:
        why = f"up to {column.longest:,} characters"
    elif (is_whole or column.content == "text") and not is_code and _identifies(column):
        kind = "entity"
        why = f"{counted}, named like an entity"
    elif column.content == "boolean":
        kind = "boolean"
        why = " and ".join(column.values)
    elif is_whole and is_code:
        kind = "category" if column.distinct <= _MOST_CATEGORIES else "entity"
        why = f"{counted}, named like a code"
    elif column.is_counter:
        kind = "number"
        why = "it grows with the rows: no feature"
    elif column.content == "number":
        kind = "number"
        why = _describe_range(column)
    elif column.content == "text":
        kind = _guess_text(column, rows)
        why = f"{counted} in {rows:,} rows"
    if is_whole and kind in ("entity", "category"):
        why += "; text in the stream"
    return Guess(column, kind, why)


def _identifies(column: ColumnProfile) -> bool:
    words = split_words(column.name)
    named = bool(words) and all(word in (*_ENTITIES, *_IDS) for word in words)
    return named or words[-1:] in ([word] for word in _CERTAIN_IDS)


def _guess_text(column: ColumnProfile, rows: int) -> FieldType:
    few = max(_FEW, min(_MOST_CATEGORIES, int(_REPEATED * rows)))
    if 1 < column.distinct <= few and column.distinct < rows:
        return "category"
    repeats = few < column.distinct <= _UNIQUE * (rows - column.missing)
    return "entity" if repeats else "text"


def _choose_key(fields: dict[str, Guess]) -> tuple[str, str]:
    entities = [one.column for one in fields.values() if one.type == "entity" and one.column]
    if named := _find_named(entities, _ENTITIES):
        return named.name, "the likeliest entity by its name"
    if entities:
        return max(entities, key=lambda one: one.distinct).name, "the entity with most values"
    name = "account_id" if "account_id" not in fields else "key_id"
    fields[name] = Guess(None, "entity", "not in the file: then the id is the key")
    return name, "the file has no card or account"

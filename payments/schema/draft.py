"""Draft a schema of a file's payments: a TOML text in which each guess says why."""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import PurePath
from typing import NamedTuple

from payments.schema.declaration import FROM_FIRST_ROW, LEARNED
from payments.schema.features import is_reserved
from payments.schema.guesses import Guess, Guesses, guess, split_words
from payments.schema.profile import ColumnProfile, FileProfile
from payments.schema.reading import BUILTIN

_MINOR = ("cents", "minor", "pence")
_SECRETS = ("iban", "email", "phone", "ip", "pan")
_CURRENCIES = ("currency", "ccy")
_LISTED = 12  # values of a category, at most
_LEAST_RUN = 3
_DECIMALS = (2, 4)
_NUMBERED = re.compile(r"([A-Za-z_]+)(0|[1-9]\d*)")
_MAX_NAME = 64
_CONTROLS = re.compile(r"[\x7f-\x9f]")  # those below a blank are escaped in JSON

_HEADER = """\
# Drafted by `fraud schema init` from the {rows} of {file}.
# Each guess says why. Correct what is wrong, then run `fraud schema check`.
name = "{name}"

[roles]
{roles}

[fields]
{fields}

[features]
{features}
"""
_VELOCITY = """
# What {entity} did lately: to use it, remove the # from the lines below.
# [[features.velocity]]
# entity = "{entity}"
# windows = ["1h", "24h", "7d"]
# measures = ["count", "sum"]
"""


class _Field(NamedTuple):
    """A field of the draft. `attributes`: in TOML."""

    name: str
    attributes: str
    guess: Guess


def draft_schema(file: FileProfile) -> str:
    """Return a schema of a file's payments as TOML.

    Raises InputError if the file has no time, or no amount.
    """
    guesses = guess(file)
    names = _name_fields(guesses)
    fields = [
        _Field(name, ", ".join(_list_attributes(file, column, names, guesses)), one)
        for (column, one), name in zip(guesses.fields.items(), names.values(), strict=True)
    ]
    whole = _HEADER.format(
        file=file.file,
        rows=f"first {file.rows:,} rows" if file.rows > 1 else "only row",
        name=_name_schema(file.file),
        roles="\n".join(_write_roles(guesses, names)),
        fields="\n".join([*_write_fields(fields), *_list_left_out(guesses)]),
        features="\n".join(_write_features(fields)),
    )
    entities = [each.name for each in fields if each.guess.type == "entity"]
    return whole + "".join(_VELOCITY.format(entity=entity) for entity in entities)


def _name_schema(file: str) -> str:
    stem = re.sub(r"[^a-z0-9_-]+", "-", PurePath(file).name.partition(".")[0].lower()).strip("-")
    if stem in BUILTIN or not stem[:1].isalpha():
        stem = f"payments-{stem}".rstrip("-")
    return stem[:32]


def _name_fields(guesses: Guesses) -> dict[str, str]:
    """Return the name of each column's field: letters, digits and _, each once."""
    names: dict[str, str] = {}
    amount, _ = guesses.roles["amount"]
    for column, one in guesses.fields.items():
        plain = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_")
        plain = (plain if plain[:1].isalpha() else f"field_{plain}".rstrip("_"))[: _MAX_NAME - 3]
        taken = {name.casefold() for name in names.values()}
        name = plain
        number = 2
        may_be_feature = one.type in ("amount", "number", "boolean", "category")
        while name.casefold() in taken or (may_be_feature and is_reserved(name, column == amount)):
            name = f"{plain}_{number}"
            number += 1
        names[column] = name
    return names


def _quote(value: str) -> str:
    """Return a TOML string."""
    text = json.dumps(value, ensure_ascii=False)
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _write_roles(guesses: Guesses, names: dict[str, str]) -> Iterator[str]:
    for role in ("id", "time", "key", "amount", "label", "labelled_at"):
        if role in guesses.roles:
            column, why = guesses.roles[role]
            yield f"{role} = {_quote(names.get(column, column))}  # {why}"
        elif role == "label":
            yield '# label = "is_fraud"  # no column has its name; training needs one of 0 and 1'


def _list_attributes(
    file: FileProfile, column: str, names: dict[str, str], guesses: Guesses
) -> Iterator[str]:
    """Yield a field's attributes in TOML."""
    name = names[column]
    kind = guesses.fields[column].type
    profile = guesses.fields[column].column
    words = split_words(column)
    yield f"type = {_quote(kind)}"
    if profile is not None and file.is_nested and "." in column:
        yield f"path = {_quote(column)}"
    elif profile is not None and name != column.strip():
        yield f"file = {_quote(column.strip())}"
    if profile is not None:
        yield from _describe_content(kind, profile)
    if kind == "amount":
        yield from _find_currency(names, guesses)
    if kind not in ("id", "time") and "_" in name and words:
        yield f"name = {_quote(' '.join(words))}"
    if kind not in ("id", "time", "amount") and _may_lack(kind, profile):
        yield "optional = true"
    if kind in ("entity", "text") and set(words) & set(_SECRETS):
        yield "secret = true"


def _may_lack(kind: str, column: ColumnProfile | None) -> bool:
    """Return whether payments may lack a field: some do, or the model does not read it."""
    return column is None or bool(column.missing) or kind == "text" or column.is_counter


def _describe_content(kind: str, column: ColumnProfile) -> Iterator[str]:
    if kind == "time" and column.unit not in (None, "rfc3339"):
        yield f'unit = "{column.unit}"'
    elif kind == "category" and column.distinct <= _LISTED:
        yield f"values = [{', '.join(map(_quote, column.values))}]"
    elif kind == "category":
        yield f"values = {_quote(LEARNED)}"
    elif kind == "amount" and set(split_words(column.name)) & set(_MINOR) and not column.decimals:
        yield 'unit = "minor"'
    elif kind == "amount":
        least, most = _DECIMALS
        yield f"decimals = {min(most, max(least, column.decimals))}"


def _find_currency(names: dict[str, str], guesses: Guesses) -> Iterator[str]:
    for column, one in guesses.fields.items():
        if one.type == "category" and set(split_words(column)) & set(_CURRENCIES):
            yield f"currency = {_quote(names[column])}"
            return


def _write_fields(fields: list[_Field]) -> Iterator[str]:
    for run in _find_runs(fields):
        name, attributes, one = run[0]
        if len(run) > 1:
            yield f'"{name}..{run[-1].name}" = {{ {attributes} }}  # {len(run)} alike'
        else:
            yield f"{name} = {{ {attributes} }}  # {one.why}"


def _list_left_out(guesses: Guesses) -> Iterator[str]:
    for column, why in guesses.left_out.items():
        yield f"# {_quote(column)} is left out: {why}"


def _find_runs(fields: list[_Field]) -> Iterator[list[_Field]]:
    """Yield the fields one by one, or several that only differ in a number that counts up."""

    def describe(place: int) -> object:
        name, attributes, _ = fields[place]
        match = _NUMBERED.fullmatch(name)
        return (match[1], int(match[2]) - place, attributes) if match else place

    for _, places in groupby(range(len(fields)), describe):
        run = [fields[place] for place in places]
        yield from [run] if len(run) >= _LEAST_RUN else [[each] for each in run]


def _is_number(one: Guess) -> bool:
    """Return whether the model should read a field as a number: the amount, and what varies."""
    if one.column is None or one.type not in ("number", "boolean"):
        return one.type == "amount"
    return one.column.distinct > 1 and not one.column.is_counter


def _write_features(fields: list[_Field]) -> Iterator[str]:
    numbers = [each for each in fields if _is_number(each.guess)]
    listed = [
        run[0].name if len(run) == 1 else f"{run[0].name}..{run[-1].name}"
        for run in _find_runs(numbers)
    ]
    yield f"numbers = [{', '.join(map(_quote, listed))}]"
    categories = [each.name for each in fields if each.guess.type == "category"]
    if categories:
        yield f"categories = [{', '.join(map(_quote, categories))}]"
    times = [each.guess.column for each in fields if each.guess.type == "time"]
    if any(time is not None and time.unit == FROM_FIRST_ROW for time in times):
        yield "# no calendar: the hour of the first row is not known"
    else:
        yield 'calendar = ["hour", "weekday", "night"]'
        yield 'timezone = "UTC"  # that of your customers, such as "Europe/Brussels"'

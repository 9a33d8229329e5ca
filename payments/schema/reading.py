"""Read a schema: a TOML file, or one that the package brings.

A spread such as "V1..V28" declares a run of fields at once. Every problem of a file is found in one
pass, each with its line.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from payments.errors import InputError
from payments.schema.checks import Problem, find_problems
from payments.schema.declaration import FILE, Declaration, FieldDeclaration, Roles
from payments.schema.features import Feature, list_features
from payments.schema.lines import find_line

_BUILTIN = files(__package__) / "builtin"
BUILTIN = ("creditcard", "cards")
DEFAULT = BUILTIN[0]

_SPREAD = re.compile(r"(\D+)(\d+)\.\.(\D+)(\d+)")
_SPREADABLE = ("numbers", "categories")


class SchemaError(InputError):
    """A schema that cannot be used. The message has one line for each problem."""


class Schema(NamedTuple):
    """A checked declaration and what follows from it.

    `version` is the first 12 hex digits of the SHA-256 of the declaration with its spreads and
    listed files written out, as JSON with sorted keys.
    """

    declaration: Declaration
    version: str
    features: tuple[Feature, ...]

    @property
    def name(self) -> str:
        """The name that the file gives itself."""
        return self.declaration.name

    @property
    def reference(self) -> str:
        """Name and version, as in `cards@0123456789ab`."""
        return f"{self.name}@{self.version}"

    @property
    def roles(self) -> Roles:
        """Which field is what."""
        return self.declaration.roles

    @property
    def fields(self) -> dict[str, FieldDeclaration]:
        """The fields by name, in the order of their declaration."""
        return self.declaration.fields

    @property
    def inputs(self) -> tuple[str, ...]:
        """The fields that the model reads as they are: numbers, then categories."""
        features = self.declaration.features
        return (*features.numbers, *features.categories)

    @property
    def history_features(self) -> tuple[str, ...]:
        """The names of the features of history, the last of `features`."""
        kinds = ("velocity", "risk")
        return tuple(feature.name for feature in self.features if feature.kind in kinds)

    @property
    def history_fields(self) -> tuple[str, ...]:
        """The fields that features of history read beside time and amount, sorted."""
        features = self.declaration.features
        names = {risk.entity for risk in features.risk}
        for velocity in features.velocity:
            names |= {*velocity.fields, *filter(None, [velocity.distinct])}
        return tuple(sorted(names))

    @property
    def columns(self) -> dict[str, str]:
        """The column of each field in files, and of the labels if files have them."""
        columns = {name: field.file or field.path or name for name, field in self.fields.items()}
        roles = (self.roles.label, self.roles.labelled_at)
        return columns | {column: column for column in roles if column is not None}

    @property
    def time_column(self) -> str:
        """The column of the time in files."""
        return self.columns[self.roles.time]


@cache
def read_schema(name: str) -> Schema:
    """Return a built-in schema by its name, or the one in a file. Raises SchemaError."""
    if name in BUILTIN:
        return parse_schema((_BUILTIN / f"{name}.toml").read_text("utf-8"), name, Path())
    path = Path(name)
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise SchemaError(f"{name} is not UTF-8") from None
    except OSError as error:
        raise SchemaError(
            f"{name}: {error.strerror}; the built-in schemas are {' and '.join(BUILTIN)}"
        ) from None
    return parse_schema(text, name, path.parent)


def parse_schema(text: str, name: str, folder: Path) -> Schema:
    """Return the schema of a TOML text. Raises SchemaError.

    `name` precedes the line of each problem. The files that it lists are relative to `folder`.
    """
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SchemaError(_describe_syntax(error, text, name)) from None
    spread, origins = _write_out(written)
    problems = list(_read_values(spread, folder))
    try:
        declaration = Declaration.model_validate(spread)
        problems += find_problems(declaration)
    except ValidationError as error:
        problems += _list_problems(error)
    if problems:
        located = sorted({_locate(problem, text, origins) for problem in problems})
        raise SchemaError("\n".join(f"{name}:{line}: {reason}" for line, reason in located))
    canonical = json.dumps(spread, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    version = hashlib.sha256(canonical.encode()).hexdigest()[:12]
    return Schema(declaration, version, tuple(list_features(declaration)))


def _describe_syntax(error: tomllib.TOMLDecodeError, text: str, name: str) -> str:
    """Return the error with its line in front."""
    match = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
    reason, line = match.groups() if match else (str(error), None)
    return f"{name}:{line or max(1, len(text.splitlines()))}: {reason}"


def _write_out(written: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a file's tables with the spreads written out, and the key of each field they made."""
    tables = dict(written)
    origins: dict[str, str] = {}
    fields = tables.get("fields")
    if isinstance(fields, dict):
        tables["fields"] = {}
        for key, field in fields.items():
            for number, name in enumerate(_spread(key), 1):
                origins[name] = key
                tables["fields"][name] = _number(field, number) if name != key else field
    features = tables.get("features")
    if isinstance(features, dict):
        tables["features"] = features | {
            key: [name for each in features[key] for name in _spread(each)]
            for key in _SPREADABLE
            if isinstance(features.get(key), list)
        }
    return tables, origins


def _spread(name: Any) -> list[Any]:
    match = _SPREAD.fullmatch(name) if isinstance(name, str) else None
    if match is None or match[1] != match[3]:
        return [name]
    return [f"{match[1]}{number}" for number in range(int(match[2]), int(match[4]) + 1)]


def _number(field: Any, number: int) -> Any:
    """Return a spread's field with its number in place of the {} of its name."""
    if isinstance(field, dict) and isinstance(field.get("name"), str):
        return field | {"name": field["name"].replace("{}", str(number))}
    return field


def _read_values(tables: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Replace each "file:PATH" of a category by the lines of that file."""
    fields = tables.get("fields")
    if not isinstance(fields, dict):
        return
    for name, field in list(fields.items()):
        values = field.get("values") if isinstance(field, dict) else None
        if not (isinstance(values, str) and values.startswith(FILE)):
            continue
        path = folder / values.removeprefix(FILE)
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            yield Problem(("fields", name, "values"), f"{path}: {reason}")
        else:
            fields[name] = field | {"values": [line.strip() for line in lines if line.strip()]}


def _list_problems(error: ValidationError) -> Iterator[Problem]:
    for each in error.errors(include_url=False):
        # pydantic adds which member of a union it tried; for a pair, only that member's error helps
        path = tuple(key for key in each["loc"] if isinstance(key, int) or "[" not in key)
        if "constrained-str" not in path:
            reason = _REASONS.get(each["type"], each["msg"]).removeprefix("Value error, ")
            yield Problem(path, reason[:1].lower() + reason[1:])


def _locate(problem: Problem, text: str, origins: dict[str, str]) -> tuple[int, str]:
    """Return the line of a problem, and its reason after the key it is about."""
    path = problem.path
    if path[:1] == ("fields",) and len(path) > 1:
        path = ("fields", origins.get(str(path[1]), path[1]), *path[2:])
    key = ".".join(str(key) for key in path if not isinstance(key, int))
    return find_line(text, path), f"{key}: {problem.reason}" if key else problem.reason


_REASONS = {
    "extra_forbidden": "there is no such key",
    "missing": "it is missing",
}

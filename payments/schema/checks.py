"""What has to hold between the parts of a declaration."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from payments.schema.declaration import Declaration, FieldType
from payments.schema.features import is_reserved, list_features


class Problem(NamedTuple):
    """What is wrong at a place, as in ("features", "risk", 0)."""

    path: tuple[str | int, ...]
    reason: str


def find_problems(declaration: Declaration) -> Iterator[Problem]:
    """Yield everything that the parts of a declaration contradict each other in."""
    yield from _check_roles(declaration)
    yield from _check_fields(declaration)
    yield from _check_columns(declaration)
    references = list(_check_references(declaration))
    yield from references
    if not references:
        yield from _check_names(declaration)


def _check_roles(declaration: Declaration) -> Iterator[Problem]:
    roles = declaration.roles
    for role, types in _ROLE_TYPES.items():
        yield from _check_reference(declaration, ("roles", role), getattr(roles, role), types)
    for role in ("label", "labelled_at"):
        if getattr(roles, role) in declaration.fields:
            yield Problem(
                ("roles", role),
                f"{getattr(roles, role)} is a field of the stream, which would give the answer "
                "away: name a column that only files have",
            )
    for kind in ("id", "time"):
        for name, field in declaration.fields.items():
            if field.type == kind and name != getattr(roles, kind):
                yield Problem(("fields", name), f"only the {kind} of [roles] has type {kind}")
            elif field.type == kind and field.optional:
                yield Problem(("fields", name, "optional"), f"the {kind} cannot be optional")
    amount = declaration.fields.get(roles.amount)
    if amount and amount.optional:
        yield Problem(("fields", roles.amount, "optional"), "the amount cannot be optional")


def _check_fields(declaration: Declaration) -> Iterator[Problem]:
    paths: dict[str, str] = {}
    for name, field in declaration.fields.items():
        if field.currency is not None:
            place = ("fields", name, "currency")
            yield from _check_reference(declaration, place, field.currency, ("category", "text"))
        path = field.path or name
        for other, used in paths.items():
            if path == used or path.startswith(f"{used}.") or used.startswith(f"{path}."):
                yield Problem(("fields", name), f"{path} overlaps with the field {other}")
        paths[name] = path


def _check_columns(declaration: Declaration) -> Iterator[Problem]:
    """Yield what would read a column of a file twice. Upper and lower case are the same there."""
    roles = ("label", "labelled_at")
    columns = [
        (("fields", name), field.file or field.path or name)
        for name, field in declaration.fields.items()
    ]
    columns += [
        (("roles", role), column)
        for role in roles
        if (column := getattr(declaration.roles, role)) not in (None, *declaration.fields)
    ]
    taken: dict[str, str] = {}
    for place, column in columns:
        other = taken.setdefault(column.casefold(), place[1])
        if other != place[1]:
            yield Problem(place, f"its column in files, {column}, is that of {other}")


def _check_references(declaration: Declaration) -> Iterator[Problem]:
    features = declaration.features
    for list_name, types in _LIST_TYPES.items():
        for name in getattr(features, list_name):
            yield from _check_reference(declaration, ("features", list_name), name, types)
    for number, velocity in enumerate(features.velocity):
        place = ("features", "velocity", number)
        for name in velocity.fields:
            yield from _check_reference(declaration, (*place, "entity"), name, ("entity",))
        if velocity.distinct is not None:
            yield from _check_reference(
                declaration,
                (*place, "distinct"),
                velocity.distinct,
                ("entity", "category", "text"),
            )
    for number, risk in enumerate(features.risk):
        place = ("features", "risk", number)
        yield from _check_reference(declaration, (*place, "entity"), risk.entity, ("entity",))
        if declaration.roles.label is None:
            yield Problem(place, "it learns from labels: name their column in [roles], `label`")


def _check_reference(
    declaration: Declaration,
    place: tuple[str | int, ...],
    name: str,
    types: tuple[FieldType, ...],
) -> Iterator[Problem]:
    field = declaration.fields.get(name)
    if field is None:
        yield Problem(place, f"{name} is not declared in [fields]")
    elif field.type not in types:
        yield Problem(place, f"{name} has type {field.type}; it needs {' or '.join(types)}")


def _check_names(declaration: Declaration) -> Iterator[Problem]:
    features = list_features(declaration)
    if not features:
        yield Problem(("features",), "the model has nothing to read: list `numbers`")
    for name, count in Counter(feature.name for feature in features).items():
        if count > 1:
            yield Problem(("features",), f"the feature {name} is declared {count} times")
    for feature in features:
        if is_reserved(feature.name, feature.name == declaration.roles.amount):
            yield Problem(
                ("fields", feature.name),
                "no feature may have this name: rename the field, and add "
                f'path = "{feature.name}" if payments and files use it',
            )


_ROLE_TYPES: dict[str, tuple[FieldType, ...]] = {
    "id": ("id",),
    "time": ("time",),
    "key": ("entity",),
    "amount": ("amount",),
}
_LIST_TYPES: dict[str, tuple[FieldType, ...]] = {
    "numbers": ("number", "amount", "boolean"),
    "categories": ("category",),
}

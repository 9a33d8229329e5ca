"""The features that a declaration asks for, in the order of the model's columns, in words too."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from payments.schema.declaration import Declaration, Measure, Risk, Velocity

Kind = Literal["number", "category", "calendar", "velocity", "risk"]


class Feature(NamedTuple):
    """One column of the model's matrix. `label` says what it is, for people."""

    name: str
    kind: Kind
    label: str


_CALENDAR = {
    "hour": "hour of the day",
    "weekday": "day of the week",
    "weekend": "weekend",
    "night": "night",
}
# Tables of payments have columns of their own with these names: of the time, the label, the scores.
_RESERVED = ("Time", "Class", "margin", "probability", "fold", "pattern")
_MEASURES: dict[Measure, str] = {
    "count": "payments",
    "sum": "total",
    "mean": "mean amount",
    "max": "largest amount",
}
_UNITS = {"s": "second", "m": "minute", "h": "hour", "d": "day"}


def list_features(declaration: Declaration) -> list[Feature]:
    """Return the features: numbers, categories, calendar, velocity, risk, each as declared.

    Every field that a feature needs has to be declared.
    """
    features = declaration.features
    return [
        *(Feature(name, "number", name_field(declaration, name)) for name in features.numbers),
        *(Feature(name, "category", name_field(declaration, name)) for name in features.categories),
        *(Feature(part, "calendar", _CALENDAR[part]) for part in features.calendar),
        *(feature for each in features.velocity for feature in _list_velocity(declaration, each)),
        *(feature for each in features.risk for feature in _list_risk(declaration, each)),
    ]


def is_reserved(name: str, is_payment_amount: bool) -> bool:
    """Return whether a feature of this name would collide with a column of tables of payments."""
    return name in _RESERVED or (name == "Amount" and not is_payment_amount)


def name_field(declaration: Declaration, name: str) -> str:
    """Return what people call a field."""
    return declaration.fields[name].name or name


def _list_velocity(declaration: Declaration, velocity: Velocity) -> Iterator[Feature]:
    entity = "+".join(velocity.fields)
    whose = f"of this {_join_names(declaration, velocity.fields)}"
    for window in velocity.windows:
        span = spell_out(window)
        for measure in velocity.measures:
            label = f"{_MEASURES[measure]} {whose} in the last {span}"
            yield Feature(f"{entity}.{measure}.{window}", "velocity", label)
        if velocity.distinct is not None:
            counted = name_field(declaration, velocity.distinct)
            label = f"different values of {counted} {whose} in the last {span}"
            yield Feature(f"{entity}.distinct.{velocity.distinct}.{window}", "velocity", label)
    if velocity.since_last:
        yield Feature(f"{entity}.since_last", "velocity", f"seconds since the last payment {whose}")
    if velocity.ratio_to_mean is not None:
        span = spell_out(velocity.ratio_to_mean)
        label = f"amount as a multiple of the mean {whose} in the last {span}"
        yield Feature(f"{entity}.ratio.{velocity.ratio_to_mean}", "velocity", label)


def _list_risk(declaration: Declaration, risk: Risk) -> Iterator[Feature]:
    whose = f"of this {name_field(declaration, risk.entity)}"
    for window in risk.windows:
        span = f"in the {spell_out(window)} that ended {spell_out(risk.delay)} ago"
        name = f"{risk.entity}.{{}}.{window}@{risk.delay}"
        yield Feature(name.format("count"), "risk", f"payments {whose} {span}")
        yield Feature(name.format("risk"), "risk", f"share of frauds {whose} {span}")


def _join_names(declaration: Declaration, names: Sequence[str]) -> str:
    return " and ".join(name_field(declaration, name) for name in names)


def spell_out(span: str) -> str:
    """Return `hour` for 1h, and `30 days` for 30d."""
    number = span[:-1]
    unit = _UNITS[span[-1]]
    return unit if number == "1" else f"{number} {unit}s"

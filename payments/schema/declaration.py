"""What a schema file may say. Unknown keys are refused.

    name = "cards"
    [roles]               which field is the id, the time, the message key, the amount, the label
    [fields]              NAME = { type = "...", ... }
    [features]            numbers, categories, calendar and its timezone
    [[features.velocity]] counts and amounts of an entity's recent payments
    [[features.risk]]     the share of frauds among an entity's older payments
    [labels]              which of several labels counts, and which reasons are no fraud

Each model checks what it can see alone; `payments.schema.checks` holds what concerns several.
"""

import re
from typing import Annotated, Literal, Self, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from payments.contract import LabelSource

FieldType = Literal["id", "time", "entity", "amount", "number", "boolean", "category", "text"]
Calendar = Literal["hour", "weekday", "weekend", "night"]
Measure = Literal["count", "sum", "mean", "max"]

LEARNED = "learned"
"""The values of a category that training lists, the most frequent first."""
FILE = "file:"
"""What precedes the path of a file that lists a category's values, one a line."""
FROM_FIRST_ROW = "seconds from the first row"
"""The unit of times in files that only say how much later a row is than the first."""

MICROSECONDS = {"s": 1_000_000, "ms": 1000, "us": 1}
"""Of each unit of a time that is a number since 1970."""

MAX_SPAN_MS = 366 * 86_400_000
_UNITS_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_UNITS = {"time": ("rfc3339", "s", "ms", "us", FROM_FIRST_ROW), "amount": ("minor",)}
# The types of the fields that may say what follows; every field may say the rest.
_BELONGS = {
    "decimals": ("amount",),
    "currency": ("amount",),
    "unit": ("time", "amount"),
    "values": ("category",),
    "most": ("category",),
}


def parse_span(span: str) -> int:
    """Return the milliseconds of a span such as 30s, 5m, 24h or 7d. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9})([smhd])", span)
    if match is None:
        raise ValueError(f'"{span}" is no span of time: write one as "30s", "5m", "24h" or "7d"')
    length = int(match[1]) * _UNITS_MS[match[2]]
    if length > MAX_SPAN_MS:
        raise ValueError(f'"{span}" is longer than 366 days')
    return length


def _check_span(span: str) -> str:
    parse_span(span)
    return span


def _check_window(window: str) -> str:
    if parse_span(window) == 0:
        raise ValueError("a window cannot be empty")
    return window


def _check_zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # OSError: a folder of zones, as "Europe"
        raise ValueError(f'"{zone}" is no time zone: write one as "Europe/Brussels"') from None
    return zone


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Span = Annotated[str, AfterValidator(_check_span)]
Window = Annotated[str, AfterValidator(_check_window)]
Pair = Annotated[list[Name], Field(min_length=2, max_length=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FieldDeclaration(_Strict):
    """One field of a payment.

    `name`: for people. `path`: its place in nested JSON, as in `card.id`. `file`: the column's name
    in files. `anonymous`: its meaning is not published. `secret`: never shown, and stored only as a
    keyed hash. `unit`: of a time, or "minor" for an amount in cents. `currency`: the field with the
    amount's currency. `values`: of a category, a list, "file:PATH", or "learned" with the `most`
    frequent.
    """

    type: FieldType
    name: str | None = None
    optional: bool = False
    anonymous: bool = False
    secret: bool = False
    path: Annotated[str, Field(pattern=r"^[^.]+(\.[^.]+)*$")] | None = None
    file: str | None = None
    unit: str | None = None
    decimals: Annotated[int, Field(ge=0, le=4)] = 2
    currency: str | None = None
    values: Annotated[list[str], Field(min_length=1)] | str | None = None
    most: Annotated[int, Field(ge=1, le=4096)] = 256

    @property
    def stream_unit(self) -> str:
        """The unit of a time in the stream: "rfc3339", "s", "ms" or "us"."""
        return "rfc3339" if self.unit in (None, FROM_FIRST_ROW) else str(self.unit)

    def find_parts(self, name: str) -> list[str]:
        """Return the member's name in each of the nested objects that lead to the field `name`."""
        return (self.path or name).split(".")

    @model_validator(mode="after")
    def _check_attributes(self) -> Self:
        for attribute, types in _BELONGS.items():
            if attribute in self.model_fields_set and self.type not in types:
                raise ValueError(f"`{attribute}` is for fields of type {' or '.join(types)}")
        if self.unit is not None and self.unit not in _UNITS[self.type]:
            units = ", ".join(f'"{unit}"' for unit in _UNITS[self.type])
            raise ValueError(f"the unit of a field of type {self.type} is one of {units}")
        if self.type == "category":
            self._check_values()
        return self

    def _check_values(self) -> None:
        if self.values is None:
            raise ValueError(f'a category needs `values`: a list, "{FILE}PATH" or "{LEARNED}"')
        if isinstance(self.values, str):
            if self.values != LEARNED and not self.values.startswith(FILE):
                raise ValueError(f'`values` is a list, "{FILE}PATH" or "{LEARNED}"')
        elif len(set(self.values)) < len(self.values):
            raise ValueError("`values` repeats a value")
        if "most" in self.model_fields_set and self.values != LEARNED:
            raise ValueError(f'`most` is for `values = "{LEARNED}"`')


class Roles(_Strict):
    """Which field is what.

    `key`: the entity whose payments share a partition; it may be an optional field, and then the id
    takes its place. `label` and `labelled_at` are columns of files: whether the payment was a
    fraud, and when that became known.
    """

    id: Name
    time: Name
    key: Name
    amount: Name
    label: str | None = None
    labelled_at: str | None = None


class Velocity(_Strict):
    """Counts and amounts of an entity's payments in windows that end with the payment itself.

    `entity`: a field, or two for payments that have both in common. `distinct`: a field whose
    different values are counted. `since_last`: seconds since the entity's last payment.
    `ratio_to_mean`: the amount as a multiple of the mean in this window.
    """

    entity: Name | Pair
    windows: list[Window] = []
    measures: list[Measure] = []
    distinct: Name | None = None
    since_last: bool = False
    ratio_to_mean: Window | None = None

    @property
    def fields(self) -> list[str]:
        """The entity's field, or the two of a pair."""
        return [self.entity] if isinstance(self.entity, str) else self.entity

    @model_validator(mode="after")
    def _check_windows(self) -> Self:
        if bool(self.windows) != bool(self.measures or self.distinct):
            raise ValueError("`windows` needs `measures` or `distinct`, and each of them `windows`")
        if not (self.windows or self.since_last or self.ratio_to_mean):
            raise ValueError("it has no feature: add `windows` and `measures`, or `since_last`")
        return self


class Risk(_Strict):
    """The share of frauds among an entity's payments in windows that ended `delay` ago.

    Without a delay the share would use labels that nobody has when the payment is made.
    """

    entity: Name
    windows: Annotated[list[Window], Field(min_length=1)]
    delay: Span = "0s"
    leaky: bool = False

    @model_validator(mode="after")
    def _check_delay(self) -> Self:
        if parse_span(self.delay) == 0 and not self.leaky:
            raise ValueError(
                "it needs a `delay`, the time in which most frauds become known: without one, it "
                "uses labels that nobody has yet. `leaky = true` allows that for experiments"
            )
        return self


class Features(_Strict):
    """What the model reads: fields as they are, and what is computed from time and history."""

    numbers: list[Name] = []
    categories: list[Name] = []
    calendar: list[Calendar] = []
    timezone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    velocity: list[Velocity] = []
    risk: list[Risk] = []


class Labels(_Strict):
    """Which of several labels of a payment counts, and which is no fraud.

    `rank`: lists of sources, the strongest first; of the same list the latest label counts.
    `no_fraud`: reasons for which a label says that the payment was no fraud.
    """

    rank: list[list[LabelSource]] = [
        ["dispute_won"],
        ["chargeback", "network_report", "replay"],
        ["customer"],
        ["analyst", "sample"],
    ]
    no_fraud: list[str] = [
        "goods not received",
        "not as described",
        "credit not processed",
        "cancelled",
        "duplicate",
    ]

    @model_validator(mode="after")
    def _check_rank(self) -> Self:
        named = [source for sources in self.rank for source in sources]
        if not all(self.rank) or sorted(named) != sorted(get_args(LabelSource)):
            sources = ", ".join(get_args(LabelSource))
            raise ValueError(
                f"`rank` names each source once, in lists that are not empty: {sources}"
            )
        return self


class Declaration(_Strict):
    """A whole schema file, with spreads such as "V1..V28" written out."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
    roles: Roles
    fields: dict[Name, FieldDeclaration]
    features: Features
    labels: Labels = Labels()

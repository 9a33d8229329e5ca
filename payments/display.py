"""Names and values of a schema's features and fields in words for people."""

from collections.abc import Sequence

import msgspec

from payments.contract import COMPONENTS
from payments.numbered_names import list_in_words
from payments.schema.declaration import Calendar, FieldDeclaration
from payments.schema.reading import Schema

ANONYMOUS = "V1 to V28 are anonymous principal components. Their meaning is not published."
MISSING = "missing"
_RANGE_DIGITS = 3
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NO_YES = ("no", "yes")


class Format(msgspec.Struct, frozen=True, omit_defaults=True):
    """How to write a number: with `decimals` and a `unit`, or as the word at its place in `words`.

    Without any of them it is a plain number.
    """

    decimals: int | None = None
    unit: str = ""
    words: tuple[str, ...] = ()


_PLAIN = Format()
_CALENDAR: dict[Calendar, Format] = {
    "hour": Format(decimals=0, unit="h"),
    "weekday": Format(words=_WEEKDAYS),
    "weekend": Format(words=_NO_YES),
    "night": Format(words=_NO_YES),
}


class Display:
    """Shows the payments of a schema.

    `names` are those of its features in words, `formats` those of its features that are not plain
    numbers, and `amount` that of the payment's amount. What the schema does not declare is shown
    under its own name.
    """

    def __init__(self, schema: Schema) -> None:
        self.names = {feature.name: feature.label for feature in schema.features}
        self.amount = find_format(schema.fields[schema.roles.amount])
        fields = {name: find_format(field) for name, field in schema.fields.items()}
        calendar = {part: _CALENDAR[part] for part in schema.declaration.features.calendar}
        self.formats: dict[str, Format] = {
            name: shown
            for name, shown in (fields | calendar).items()
            if name in self.names and shown != _PLAIN
        }
        self._formats = self.formats | {schema.time_column: Format(decimals=0)}
        self._anonymous = [name for name in schema.inputs if schema.fields[name].anonymous]

    def shorten_name(self, feature: str) -> str:
        """Return `component 14` for V14, `amount` for Amount, and an unknown name unchanged."""
        return self.names.get(feature, feature)

    def name(self, feature: str) -> str:
        """Return `anonymous component 14 (V14)` for V14; for other features, the short name.

        The name says that a component has no known meaning, and which field of the transaction it
        is.
        """
        if feature in self._anonymous:
            return f"anonymous {self.names[feature]} ({feature})"
        return self.shorten_name(feature)

    def format_value(self, feature: str, value: float | str | None, digits: int = 4) -> str:
        """Return a value in words: `25,691.16` for an amount, `Saturday` for a weekday of 5.

        A plain number gets `digits` significant digits.
        """
        if value is None:
            return MISSING
        if isinstance(value, str):
            return value
        return _write(self._formats.get(feature, _PLAIN), value, digits)

    def format_usual(self, feature: str, usual: Sequence[float] | dict[str, float]) -> str:
        """Return the typical range `low..high`, or of a category the share of its value.

        The text is empty if the value is hidden.
        """
        if isinstance(usual, dict):
            return f"{usual['share']:.1%}" if usual else ""
        bounds = [self.format_value(feature, bound, _RANGE_DIGITS) for bound in usual]
        if self._formats.get(feature, _PLAIN).words and bounds[0] == bounds[1]:
            return bounds[0]
        return "..".join(bounds)

    def format_amount(self, value: float) -> str:
        """Return a sum of money with the decimals of the payments' amount."""
        return _write(self.amount, value, digits=0)

    def explain_anonymous(self) -> str:
        """Return a sentence about the features without a known meaning, if there are any."""
        if tuple(self._anonymous) == COMPONENTS:
            return ANONYMOUS
        if not self._anonymous:
            return ""
        return f"Anonymous, of unpublished meaning: {list_in_words(self._anonymous)}."


def find_format(field: FieldDeclaration) -> Format:
    """Return how to write the numbers of a field."""
    if field.type == "amount":
        return Format(decimals=field.decimals)
    return Format(words=_NO_YES) if field.type == "boolean" else _PLAIN


def _write(shown: Format, value: float, digits: int) -> str:
    if shown.words:
        place = round(value)
        return shown.words[place] if 0 <= place < len(shown.words) else f"{value:.{digits}g}"
    if shown.decimals is None:
        return f"{value:.{digits}g}"
    return f"{value:,.{shown.decimals}f} {shown.unit}".rstrip()

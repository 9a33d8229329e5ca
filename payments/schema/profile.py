"""What the columns of a file hold, from which `payments.schema.draft` guesses a schema."""

from typing import Literal, NamedTuple

Content = Literal["nothing", "number", "boolean", "time", "date", "text", "unusable"]
"""`date`: times that are refused, because they have no time of day or can be read in two ways.
`unusable`: text that no field may have."""

_FEW = 50  # different numbers may be in order by chance or in a short file


class ColumnProfile(NamedTuple):
    """A column of a file.

    `unit`: of the times that it may hold. `values`: the most frequent ones, at most 20; what is
    wrong with an unusable one. `longest`: characters of a value. Of numbers, `decimals` are the
    most after the point, and `low` and `high` the range. `is_ordered`: no number or time is less
    than the one before.
    """

    name: str
    content: Content
    missing: int
    distinct: int
    values: list[str]
    longest: int = 0
    unit: str | None = None
    decimals: int = 0
    low: float = 0.0
    high: float = 0.0
    is_ordered: bool = False

    @property
    def is_counter(self) -> bool:
        """Return whether its numbers grow with the rows, as a time's do."""
        return self.content == "number" and self.is_ordered and self.distinct > _FEW


class FileProfile(NamedTuple):
    """The first `rows` of a file. `is_nested`: a point in a name is a step into an object."""

    file: str
    rows: int
    columns: list[ColumnProfile]
    is_nested: bool

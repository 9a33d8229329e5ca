"""The result of recognizing a file, the same for every format."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """A file that was recognized.

    `header`: all its column names. `columns`: the spelling of each known column. `notes`: how the
    file differs from a plain CSV. `stream()` yields Arrow batches of the known columns, in file
    order, each cell as bytes of text, UTF-8 if the file's encoding is right. `is_nested`: a point
    in a name is a step into an object.
    """

    header: list[str]
    columns: dict[str, str]
    notes: list[str]
    stream: Callable[[], Iterator[Any]]
    is_nested: bool = False

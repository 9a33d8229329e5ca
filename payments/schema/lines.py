"""The lines of a TOML file on which its keys are."""

import tomllib
from collections.abc import Sequence
from typing import Any

Path = Sequence[str | int]


def find_line(text: str, path: Path) -> int:
    """Return the line, counted from 1, that declares the longest part of `path` that exists.

    `path` has the keys of tables and the positions in arrays, as in ("features", "risk", 0). The
    text is valid TOML. No reader of TOML tells the lines, so this parses ever longer beginnings.
    """
    whole = tomllib.loads(text)
    while path and not _contains(whole, path):
        path = path[:-1]
    lines = text.splitlines()
    begun = 1  # the first line of a value that goes on
    for end in range(1, len(lines) + 1):
        try:
            beginning = tomllib.loads("\n".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue
        if _contains(beginning, path):
            return begun
        begun = end + 1
    return 1


def _contains(value: Any, path: Path) -> bool:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True

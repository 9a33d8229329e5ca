"""What commands print on: as wide as the terminal, or of a fixed width in a file or a pipe."""

import sys

from rich.console import Console
from rich.text import Text

FILE_WIDTH = 132  # columns, of what goes to a file or a pipe


def make_console(file_width: int = FILE_WIDTH, *, markup: bool = True) -> Console:
    """A console on stdout. `markup`: whether [words] in brackets are styles."""
    return Console(
        width=None if sys.stdout.isatty() else file_width, highlight=False, markup=markup
    )


def escape(text: str) -> Text:
    """Text from outside, as it is: no markup, and nothing that a terminal would obey."""
    return Text("".join(char if char.isprintable() else repr(char)[1:-1] for char in text))

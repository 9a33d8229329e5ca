"""Print to the terminal at its width, or to a file or pipe at a fixed width."""

import sys
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

FILE_WIDTH = 132  # columns


def make_console(file_width: int = FILE_WIDTH, *, markup: bool = True) -> Console:
    """Return a console on stdout. `markup`: whether [words] in brackets are styles."""
    return Console(
        width=None if sys.stdout.isatty() else file_width, highlight=False, markup=markup
    )


def escape(text: str, style: str = "") -> Text:
    """Return untrusted text without markup, and with control characters escaped."""
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return Text(shown, style)


def format_utc(at: datetime) -> str:
    """Return a time in UTC to the second; the first or last that there is if it is out of range."""
    try:
        utc = at.astimezone(UTC)
    except OverflowError:
        utc = datetime.min if at.year == 1 else datetime.max
    return utc.replace(tzinfo=None).isoformat(" ", "seconds")

"""Tell how a payment file is read."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from payments.schema.reading import Schema

_NOTHING: Mapping[str, str] = {}


def announce(
    path: Path,
    schema: "Schema",
    *,
    for_training: bool = False,
    without: Mapping[str, str] = _NOTHING,
) -> None:
    """Print how a file differs from a plain CSV, on one line of stderr.

    `without`: what follows from the lack of a column. Raises PaymentFileError if it is not a
    payment file, or lacks a needed column; for training also that of the time or the label.
    """
    from cli.support.terminal import escape
    from payments.files.reader import open_file

    needed = [name for name in (schema.time_column, schema.roles.label) if name and for_training]
    file = open_file(path, schema, needed)
    lacking = [effect for name, effect in without.items() if name not in file.columns]
    if notes := [*file.notes, *lacking]:
        line = f"fraud: reading {path}: {', '.join(notes)}"
        print(escape(line).plain, file=sys.stderr)


def tell_history_begins(path: Path, schema: "Schema") -> None:
    """Print on stderr that a file's payments are all that its features of history know."""
    if schema.history_fields:
        print(
            f"fraud: the features of history count the payments of {path} alone; its first ones "
            "have less history than those of a stream",
            file=sys.stderr,
        )

"""Tell how a payment file is read."""

import sys
from collections.abc import Mapping
from pathlib import Path

_NOTHING: Mapping[str, str] = {}


def announce(
    path: Path, *, for_training: bool = False, without: Mapping[str, str] = _NOTHING
) -> None:
    """Print how a file differs from a plain CSV, on one line of stderr.

    `without`: what follows from the lack of a column. Raises PaymentFileError if it is not a
    payment file, or lacks a column: of V1..V28 and Amount; for training also Time or Class.
    """
    from cli.support.terminal import escape
    from payments.contract import INPUTS
    from payments.files.columns import COLUMNS
    from payments.files.reader import open_file

    file = open_file(path, COLUMNS if for_training else INPUTS)
    lacking = [effect for name, effect in without.items() if name not in file.columns]
    if notes := [*file.notes, *lacking]:
        line = f"fraud: reading {path}: {', '.join(notes)}"
        print(escape(line).plain, file=sys.stderr)

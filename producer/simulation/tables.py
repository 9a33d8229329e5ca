"""Write simulated payments, table by table, to a file that is complete or not there."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa

from model.files import open_atomically
from producer.errors import DataError


def write_tables(
    tables: Iterable[pa.Table],
    path: Path,
    open_writer: Callable[[Any, pa.Schema], Any],
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write tables of one schema with the Arrow writer that `open_writer` opens on a file.

    Return the number of rows; `progress` is called with those written so far. Raise DataError if
    `path` cannot be written.
    """
    written = 0
    writer: Any = None
    try:
        with open_atomically(path) as file:
            for table in tables:
                writer = writer or open_writer(file, table.schema)
                writer.write(table)
                written += table.num_rows
                progress(written)
            if writer:
                writer.close()
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from None
    return written

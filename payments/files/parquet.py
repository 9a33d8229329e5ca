"""Recognize and stream Parquet files."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from payments.errors import PaymentFileError
from payments.files.columns import ACCOUNT, match_columns
from payments.files.table import Table

_MAGIC = b"PAR1"
_ROWS = 4096


def is_parquet(path: Path) -> bool:
    """Return whether a file starts as Parquet files do."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def recognize(path: Path) -> Table:
    """Return the table in a Parquet file. Raises PaymentFileError."""
    with pyarrow.parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
    columns = match_columns(path, schema.names)
    for name, spelling in columns.items():
        _check_type(path, name, schema.field(spelling).type)
    return Table(list(schema.names), columns, ["Parquet"], partial(_stream, path, columns))


def _check_type(path: Path, name: str, kind: pa.DataType) -> None:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    readable = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_decimal,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_null,
    )
    if not any(check(kind) for check in readable):
        needed = "text is" if name == ACCOUNT else "numbers are"
        raise PaymentFileError(f"{path}: the column {name} has type {kind}; {needed} needed")


def _stream(path: Path, columns: dict[str, str]) -> Iterator[pa.RecordBatch]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(columns.values())):
            yield pa.RecordBatch.from_arrays(
                [_as_text(batch.column(spelling)) for spelling in columns.values()], list(columns)
            )


def _as_text(column: pa.Array) -> pa.Array:
    """Return cells as text that parses to the same float64; missing ones are empty."""
    if pa.types.is_floating(column.type):
        column = column.cast(pa.float64())
    return column.cast(pa.string()).fill_null("").cast(pa.binary())

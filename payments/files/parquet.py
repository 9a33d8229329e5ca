"""Recognize and stream Parquet files."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from payments.errors import PaymentFileError
from payments.files.columns import TEXT, TEXTS, Columns, match_columns
from payments.files.table import Table
from payments.schema.declaration import FROM_FIRST_ROW, FieldDeclaration

_MAGIC = b"PAR1"
_ROWS = 4096
_READABLE = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_boolean,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_null,
)
_LARGEST_WHOLE = 2.0**53  # of the whole numbers that a float64 keeps apart


def is_parquet(path: Path) -> bool:
    """Return whether a file starts as Parquet files do."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def recognize(path: Path, known: Columns | None) -> Table:
    """Return the table in a Parquet file. Raises PaymentFileError.

    `known`: the columns to read, by default all that hold numbers, text or times.
    """
    with pyarrow.parquet.ParquetFile(path) as file:
        schema = _flatten(file.schema_arrow.empty_table()).schema
    fields = known or {
        column.name.strip(): TEXT for column in schema if _is_readable(column.type, timed=True)
    }
    columns = match_columns(path, schema.names, fields)
    for name, spelling in columns.items():
        _check_type(path, name, schema.field(spelling).type, fields[name])
    stream = partial(_stream, path, columns, fields)
    return Table(list(schema.names), columns, ["Parquet"], stream, is_nested=True)


def _flatten(table: pa.Table) -> pa.Table:
    """Return a table with the fields of structs as columns, as in `card.id`."""
    while any(pa.types.is_struct(kind) for kind in table.schema.types):
        table = table.flatten()
    return table


def _is_readable(kind: pa.DataType, timed: bool) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(check(kind) for check in _READABLE) or (timed and pa.types.is_timestamp(kind))


def _check_type(path: Path, name: str, kind: pa.DataType, field: FieldDeclaration) -> None:
    timed = field.type in TEXTS or (field.type == "time" and field.unit != FROM_FIRST_ROW)
    if not _is_readable(kind, timed):
        needed = "times are" if timed else "numbers are"
        if field.type in TEXTS:
            needed = "text is"
        raise PaymentFileError(f"{path}: the column {name} has type {kind}; {needed} needed")


def _stream(path: Path, columns: Mapping[str, str], fields: Columns) -> Iterator[pa.RecordBatch]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_ROWS, columns=list(columns.values())):
            table = _flatten(pa.Table.from_batches([batch])).combine_chunks()
            cells = {
                name: _as_text(table.column(spelling).combine_chunks(), fields[name])
                for name, spelling in columns.items()
            }
            yield pa.RecordBatch.from_pydict(cells)


def _as_text(column: pa.Array, field: FieldDeclaration) -> pa.Array:
    """Return cells as text that parses to the same float64 or time; missing ones are empty."""
    kind = column.type
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        if field.type in TEXTS and _are_whole(column):  # as pandas writes integers with gaps
            column = column.cast(pa.int64())
    elif pa.types.is_timestamp(kind):
        column = _spell_times(column, field)
    return column.cast(pa.string()).fill_null("").cast(pa.binary())


def _are_whole(column: pa.Array) -> bool:
    whole = pc.equal(column, pc.round(column))
    small = pc.less(pc.abs(column), _LARGEST_WHOLE)
    return pc.all(pc.and_(whole, small)).as_py() is not False


def _spell_times(column: pa.Array, field: FieldDeclaration) -> pa.Array:
    """Return timestamps as the field's unit has them."""
    if field.unit in ("s", "ms", "us"):
        return column.cast(pa.timestamp(field.unit), safe=False).cast(pa.int64())
    zone = "" if column.type.tz is None else "Z"
    texts = column.cast(pa.timestamp("us"), safe=False).cast(pa.string())
    return pc.binary_join_element_wise(texts, zone, "")

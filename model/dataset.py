"""Read payment files whole, as tables: for training, evaluation and exploration.

A table has the columns Time (seconds), the features by name, Amount, and Class (1 is fraud), in
this order, whatever the schema calls the time, the amount and the label.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from model.errors import TrainingError
from model.manifest import hash_file
from model.split import split
from payments.arrays import Floats, Ints, Singles
from payments.errors import InputError, PaymentFileError
from payments.features import FeatureEncoder, learn_categories
from payments.files.reader import Batch, open_file
from payments.schema.reading import Schema

TIME = "Time"
AMOUNT = "Amount"
CLASS = "Class"


class TrainingData(NamedTuple):
    """Rows in time order, the encoder that made their features, and the file's SHA-256."""

    table: pd.DataFrame
    encoder: FeatureEncoder
    sha256: str


def read(path: Path, encoder: FeatureEncoder) -> pd.DataFrame:
    """Return the rows of a payment file for evaluation, all float64 but Class, which is int64.

    Raises PaymentFileError if the file cannot be read, lacks a column, misses a value, has an
    invalid one, or is not in time order; TrainingError for a schema without a label.
    """
    return _encode(path, _read_ordered(path, encoder.schema), encoder)


def read_for_training(path: Path, schema: Schema) -> TrainingData:
    """Return the rows of a file; the categories are learned from its training part.

    Raises as `read` does, and TrainingError for a schema with features of history.
    """
    fields = _read_ordered(path, schema)
    part = split(len(fields.amounts)).train
    learned = {
        name: fields.inputs[name][part].tolist() for name in schema.declaration.features.categories
    }
    encoder = FeatureEncoder(schema, learn_categories(schema, learned))
    if encoder.history:
        raise TrainingError(
            f"the schema {schema.name} has features of history, which training cannot "
            "compute yet: remove [[features.velocity]] and [[features.risk]]"
        )
    return TrainingData(_encode(path, fields, encoder), encoder, hash_file(path))


def read_inputs(path: Path, encoder: FeatureEncoder) -> pd.DataFrame:
    """Return the features and, if the file has labels, Class, all float64.

    Raises PaymentFileError if the file cannot be read, lacks another column, misses a value, or has
    an invalid one.
    """
    schema = encoder.schema
    needed = (schema.time_column,) if encoder.needs_time else ()
    table = _encode(path, _read_fields(path, schema, needed), encoder)
    return table[[*encoder.names, *([CLASS] if CLASS in table else [])]]


class _Fields(NamedTuple):
    """The fields that a table is made of; `times` if they are needed, `classes` if there are any.

    `inputs` are numbers with NaN and texts with None for a missing value, and `times_ms` counts
    from 1970 or from the first row.
    """

    inputs: dict[str, Any]
    amounts: Any
    times: Any
    times_ms: Ints | None
    classes: Any


def _read_ordered(path: Path, schema: Schema) -> _Fields:
    if schema.roles.label is None:
        raise TrainingError(
            f"the schema {schema.name} has no label: name its column in [roles], `label`"
        )
    fields = _read_fields(path, schema, (schema.time_column, schema.roles.label))
    earlier = np.flatnonzero(np.diff(fields.times) < 0)
    if len(earlier):
        raise PaymentFileError(
            f"{path}, row {earlier[0] + 1} is earlier than the row before it; "
            f"rows are split by time: sort the file by {schema.time_column}"
        )
    return fields


def _read_fields(path: Path, schema: Schema, needed: Sequence[str] = ()) -> _Fields:
    file = open_file(path, schema, needed)
    roles = schema.roles
    required = [
        schema.columns[name]
        for name in (*schema.inputs, roles.amount)
        if not schema.fields[name].optional
    ]
    label = roles.label if roles.label in file.columns else None
    has_time = schema.time_column in needed
    complete = [*required, *needed, *([label] if label else [])]
    parts = []
    for batch in file.read_batches():
        batch.check(*complete)
        parts.append(
            _Fields(
                {name: _read_column(batch, schema, name) for name in schema.inputs},
                _read_column(batch, schema, roles.amount),
                batch.read_numbers(schema.time_column) if has_time else None,
                batch.read_milliseconds(schema.time_column) if has_time else None,
                batch.read_numbers(label) if label else None,
            )
        )
    return _Fields(
        {name: np.concatenate([part.inputs[name] for part in parts]) for name in schema.inputs},
        np.concatenate([part.amounts for part in parts]),
        np.concatenate([part.times for part in parts]) if has_time else None,
        np.concatenate([part.times_ms for part in parts]) if has_time else None,
        np.concatenate([part.classes for part in parts]) if label else None,
    )


def _read_column(batch: Batch, schema: Schema, name: str) -> Any:
    """Return a field's values: float64[n], NaN if missing, or texts, None if missing."""
    field = schema.fields[name]
    column = batch.columns.get(schema.columns[name])
    if field.type == "category":
        texts = [None] * batch.size if column is None else column.texts.to_pylist()
        return np.array(texts, object)
    if column is None:
        return np.full(batch.size, np.nan)
    return column.values / 10**field.decimals if field.unit == "minor" else column.values


def _encode(path: Path, fields: _Fields, encoder: FeatureEncoder) -> pd.DataFrame:
    try:
        features = encoder.encode_columns(fields.inputs, fields.times_ms)
    except InputError as error:
        raise PaymentFileError(f"{path}, {error}") from None
    columns: dict[str, Any] = {} if fields.times is None else {TIME: fields.times}
    columns |= features
    columns.setdefault(AMOUNT, fields.amounts)
    if fields.classes is not None:
        columns[CLASS] = fields.classes.astype(np.int64)
    return pd.DataFrame(columns)


@dataclass(frozen=True)
class UnusableCells:
    """Counts of a column's empty cells (`missing`) and of those with an invalid value."""

    name: str
    missing: int
    invalid: int


def survey(path: Path, schema: Schema) -> tuple[pd.DataFrame, list[UnusableCells]]:
    """Return the numbers of any payment file in its order, and the unusable cells of each column.

    The file need not be usable for training. Columns are Time, the schema's numbers, its amount and
    Class, all float64, with NaN for a missing or invalid cell; those that the file lacks are left
    out. Raises PaymentFileError if the file cannot be read, lacks a needed column, or has no rows.
    """
    file = open_file(path, schema)
    columns = {TIME: schema.time_column}
    columns |= {name: schema.columns[name] for name in schema.declaration.features.numbers}
    columns[schema.roles.amount] = schema.columns[schema.roles.amount]
    columns[CLASS] = schema.roles.label or ""
    columns = {name: column for name, column in columns.items() if column in file.columns}
    missing = dict.fromkeys(columns, 0)
    parts: dict[str, list[Floats]] = {name: [] for name in columns}
    for batch in file.read_batches():
        for name, column in columns.items():
            missing[name] += len(batch.columns[column].find_missing())
            parts[name].append(batch.read_numbers(column))
    table = pd.DataFrame({name: np.concatenate(part) for name, part in parts.items()})
    unusable = table.isna().sum()
    return table, [
        UnusableCells(column, missing[name], int(unusable[name]) - missing[name])
        for name, column in columns.items()
    ]


def make_matrix(table: pd.DataFrame, encoder: FeatureEncoder) -> Singles:
    """Return a table's features as the model reads them, float32[n, features]."""
    return table[list(encoder.names)].to_numpy(np.float32)


def hash_rows(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the rows: all columns as little-endian float64, row by row."""
    return hashlib.sha256(np.ascontiguousarray(table.to_numpy("<f8")).data).hexdigest()

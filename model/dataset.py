"""Read payment files whole, as tables: for training, evaluation and exploration.

A table has the columns Time (seconds), the features by name, Amount, and Class (1 is fraud), in
this order, whatever the schema calls the time, the amount and the label.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from model.errors import TrainingError
from model.label_delay import draw_delays
from model.manifest import hash_file
from model.split import split
from payments.arrays import Floats, Ints, Singles
from payments.errors import InputError, PaymentFileError
from payments.features import FeatureEncoder, learn_categories
from payments.files.reader import NO_TIME, Batch, open_file
from payments.schema.reading import Schema
from payments.state.inputs import HistoryInputs

TIME = "Time"
AMOUNT = "Amount"
CLASS = "Class"


Progress = Callable[[int, int], None]


class TrainingData(NamedTuple):
    """Rows in time order, the encoder that made their features, and the file's SHA-256.

    `label_delay`: the distribution of the delays of labels without a date, as `draw_delays` has it.
    """

    table: pd.DataFrame
    encoder: FeatureEncoder
    sha256: str
    label_delay: str | None = None


def read(
    path: Path,
    encoder: FeatureEncoder,
    label_delay: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> pd.DataFrame:
    """Return the rows of a payment file for evaluation, all float64 but Class, which is int64.

    `label_delay` says how late the labels came that have no date; only features of risk ask for it.
    `progress` is called with the number of rows whose history is computed, and of all.

    Raises PaymentFileError if the file cannot be read, lacks a column, misses a value, has an
    invalid one, or is not in time order; TrainingError for a schema without a label, or if nothing
    says when labels became known.
    """
    return _encode(path, _read_ordered(path, encoder.schema), encoder, label_delay, progress)


def read_for_training(
    path: Path,
    schema: Schema,
    label_delay: str | None = None,
    progress: Progress = lambda _done, _total: None,
) -> TrainingData:
    """Return the rows of a file; the categories are learned from its training part.

    Raises as `read` does.
    """
    fields = _read_ordered(path, schema)
    part = split(len(fields.amounts)).train
    learned = {
        name: fields.inputs[name][part].tolist() for name in schema.declaration.features.categories
    }
    encoder = FeatureEncoder(schema, learn_categories(schema, learned))
    table = _encode(path, fields, encoder, label_delay, progress)
    return TrainingData(table, encoder, hash_file(path), label_delay)


def read_inputs(
    path: Path,
    encoder: FeatureEncoder,
    label_delay: str | None = None,
    progress: Progress = lambda _done, _total: None,
    end: int | None = None,
) -> pd.DataFrame:
    """Return the features and, if the file has labels, Class, all float64; of rows up to `end`.

    Raises PaymentFileError if the file cannot be read, lacks another column, misses a value, or has
    an invalid one; TrainingError if nothing says when labels became known.
    """
    schema = encoder.schema
    needed = []
    if encoder.needs_time or encoder.history:
        needed.append(schema.time_column)
    if schema.declaration.features.risk:
        needed.append(str(schema.roles.label))
    fields = _read_fields(path, schema, needed, end)
    table = _encode(path, fields, encoder, label_delay, progress)
    return table[[*encoder.names, *([CLASS] if CLASS in table else [])]]


class _Fields(NamedTuple):
    """The fields that a table is made of; `times` if they are needed, `classes` if there are any.

    `inputs` are numbers with NaN and texts with None for a missing value, and `compared` the texts
    that features of history need. `times_ms` counts from 1970 or from the first row, as does
    `known_ms`: when each label became known, or NO_TIME.
    """

    inputs: dict[str, Any]
    amounts: Any
    compared: dict[str, list[str | None]]
    times: Any
    times_ms: Ints | None
    classes: Any
    known_ms: Any


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


def _read_fields(
    path: Path, schema: Schema, needed: Sequence[str] = (), end: int | None = None
) -> _Fields:
    file = open_file(path, schema, needed)
    roles = schema.roles
    required = [
        schema.columns[name]
        for name in (*schema.inputs, *schema.history_fields, roles.amount)
        if not schema.fields[name].optional
    ]
    label = roles.label if roles.label in file.columns else None
    has_time = schema.time_column in needed
    complete = [*required, *needed, *([label] if label else [])]
    parts = []
    for batch in file.read_batches(end=end):
        batch.check(*complete)
        parts.append(
            _Fields(
                {name: _read_column(batch, schema, name) for name in schema.inputs},
                _read_column(batch, schema, roles.amount),
                {name: batch.read_texts(schema.columns[name]) for name in schema.history_fields},
                batch.read_numbers(schema.time_column) if has_time else None,
                batch.read_milliseconds(schema.time_column) if has_time else None,
                batch.read_numbers(label) if label else None,
                _read_known(batch, roles.labelled_at),
            )
        )
    return _Fields(
        {name: np.concatenate([part.inputs[name] for part in parts]) for name in schema.inputs},
        np.concatenate([part.amounts for part in parts]),
        {
            name: [value for part in parts for value in part.compared[name]]
            for name in schema.history_fields
        },
        np.concatenate([part.times for part in parts]) if has_time else None,
        np.concatenate([part.times_ms for part in parts]) if has_time else None,
        np.concatenate([part.classes for part in parts]) if label else None,
        np.concatenate([part.known_ms for part in parts]),
    )


def _read_known(batch: Batch, column: str | None) -> Ints:
    if column not in batch.columns:
        return np.full(batch.size, NO_TIME)
    return batch.read_milliseconds(str(column))


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


def _encode(
    path: Path,
    fields: _Fields,
    encoder: FeatureEncoder,
    label_delay: str | None,
    progress: Progress,
) -> pd.DataFrame:
    history = None
    if encoder.history:
        history = _compute_history(path, fields, encoder.schema, label_delay, progress)
    try:
        features = encoder.encode_columns(fields.inputs, fields.times_ms, history)
    except InputError as error:
        raise PaymentFileError(f"{path}, {error}") from None
    columns: dict[str, Any] = {} if fields.times is None else {TIME: fields.times}
    columns |= features
    columns.setdefault(AMOUNT, fields.amounts)
    if fields.classes is not None:
        columns[CLASS] = fields.classes.astype(np.int64)
    return pd.DataFrame(columns)


def _compute_history(
    path: Path, fields: _Fields, schema: Schema, label_delay: str | None, progress: Progress
) -> Singles:
    from model.history import Frauds, compute_history  # Numba takes most of a second to import

    times = np.asarray(fields.times_ms)
    payments = HistoryInputs(schema).make_columns(times, fields.amounts, fields.compared)
    rows = known = np.empty(0, np.int64)
    if schema.declaration.features.risk:
        rows = np.flatnonzero(fields.classes == 1)
        known = _find_known(path, fields, rows, schema, label_delay)
    return compute_history(schema, payments, Frauds(rows, known), progress=progress)


def _find_known(
    path: Path, fields: _Fields, frauds: Ints, schema: Schema, label_delay: str | None
) -> Ints:
    """Return when frauds, given by their rows, became known. Raises TrainingError."""
    known: Ints = fields.known_ms[frauds]
    undated = known == NO_TIME
    if not undated.any():
        return known
    if label_delay is None:
        column = schema.roles.labelled_at
        lacking = f"{column} is missing in row {frauds[undated][0]}" if column else "no column"
        raise TrainingError(
            f"{path} does not say when its frauds became known ({lacking}), and features of risk "
            "count only those that were known by the payment: name the column in [roles], "
            "`labelled_at`, or train with the delay, as in --label-delay exponential:7d"
        )
    times = np.asarray(fields.times_ms)
    delays = draw_delays(label_delay, len(times))
    return np.where(undated, (times + delays)[frauds], known)


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

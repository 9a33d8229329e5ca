"""Read payment files whole, as tables: for training, evaluation and exploration."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from model.manifest import hash_file
from payments.arrays import Singles
from payments.contract import INPUTS
from payments.errors import PaymentFileError
from payments.features import FeatureEncoder
from payments.files.columns import CLASS, COLUMNS, TIME
from payments.files.reader import Batch, PaymentFile, open_file
from payments.schema.reading import DEFAULT, Schema, read_schema


class TrainingData(NamedTuple):
    """Rows in time order, the encoder that made their features, and the file's SHA-256."""

    table: pd.DataFrame
    encoder: FeatureEncoder
    sha256: str


def read(path: Path) -> pd.DataFrame:
    """Return the rows of a payment file for training or evaluation.

    Time (seconds), V1..V28 and Amount are float64, Class (1 is fraud) int64. Raises
    PaymentFileError if the file cannot be read, lacks a column, misses a value, has an invalid one,
    or is not in time order.
    """
    table = _read_complete(open_file(path, read_schema(DEFAULT), (TIME, CLASS)), COLUMNS)
    earlier = np.flatnonzero(np.diff(table[TIME]) < 0)
    if len(earlier):
        raise PaymentFileError(
            f"{path}, row {earlier[0] + 1} is earlier than the row before it; "
            "rows are split by time: sort the file by Time"
        )
    return table.astype({CLASS: "int64"})


def read_for_training(path: Path, schema: Schema) -> TrainingData:
    """Return the rows of a file, with the categories of its training part.

    Raises PaymentFileError, and InputError for a schema with features of history.
    """
    encoder = FeatureEncoder(schema, {})
    return TrainingData(read(path), encoder, hash_file(path))


def read_inputs(path: Path) -> pd.DataFrame:
    """Return V1..V28, Amount and, if the file has one, Class, all float64.

    Raises PaymentFileError if the file cannot be read, lacks another column, misses a value, or has
    an invalid one.
    """
    file = open_file(path, read_schema(DEFAULT))
    return _read_complete(file, (*INPUTS, CLASS) if CLASS in file.columns else INPUTS)


def _read_complete(file: PaymentFile, names: tuple[str, ...]) -> pd.DataFrame:
    def check() -> Iterator[Batch]:
        for batch in file.read_batches():
            batch.check(*names)
            yield batch

    return _make_table(names, check())


@dataclass(frozen=True)
class UnusableCells:
    """Counts of a column's empty cells (`missing`) and of those with an invalid value."""

    name: str
    missing: int
    invalid: int


def survey(path: Path) -> tuple[pd.DataFrame, list[UnusableCells]]:
    """Return the rows of any payment file in its order, and the unusable cells of each column.

    The file need not be usable for training. Columns are those of `read`, all float64, with NaN for
    a missing or invalid cell; Time and Class are left out if the file has none. Raises
    PaymentFileError if the file cannot be read, lacks another column, or has no rows.
    """
    file = open_file(path, read_schema(DEFAULT))
    names = tuple(name for name in COLUMNS if name in file.columns)
    missing = dict.fromkeys(names, 0)

    def count_missing() -> Iterator[Batch]:
        for batch in file.read_batches():
            for name in names:
                missing[name] += len(batch.columns[name].find_missing())
            yield batch

    table = _make_table(names, count_missing())
    unusable = table.isna().sum()
    return table, [
        UnusableCells(name, missing[name], int(unusable[name]) - missing[name]) for name in names
    ]


def _make_table(names: tuple[str, ...], batches: Iterable[Batch]) -> pd.DataFrame:
    parts = [[batch.read_numbers(name) for name in names] for batch in batches]
    return pd.DataFrame(
        dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    )


def make_matrix(table: pd.DataFrame, encoder: FeatureEncoder) -> Singles:
    """Return a table's features as the model reads them, float32[n, features]."""
    return table[list(encoder.names)].to_numpy(np.float32)


def hash_rows(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the rows: `COLUMNS` as little-endian float64, row by row."""
    return hashlib.sha256(
        np.ascontiguousarray(table[list(COLUMNS)].to_numpy("<f8")).data
    ).hexdigest()

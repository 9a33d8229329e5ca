"""The labelled transactions on disk: a CSV with Time, V1..V28, Amount and Class, in time order."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model import features
from model.contract import FLOAT32_OVERFLOW, INPUTS
from model.errors import DatasetError

COLUMNS = ("Time", *INPUTS, "Class")


def read(path: Path) -> pd.DataFrame:
    """All rows of a CSV: Time (seconds from the first), V1..V28 and Amount as float64, Class (1 is fraud) as int64.

    Raises DatasetError when it cannot be read, lacks a column, holds what does not fit a float32, or is not in time order.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}") from None
    missing = [name for name in COLUMNS if name not in table]
    if missing:
        raise DatasetError(f"{path} lacks the columns {', '.join(missing)}: a CSV with Time, V1..V28, Amount and Class is needed")
    try:
        table = table[list(COLUMNS)].astype(float)
    except ValueError as error:
        raise DatasetError(f"{path} holds text where numbers are needed: {error}") from None
    _refuse_values(path, table)
    return table.astype({"Class": "int64"})


def _refuse_values(path: Path, table: pd.DataFrame) -> None:
    if table.empty:
        raise DatasetError(f"{path} has no rows")
    bad = np.argwhere(~(np.abs(table.to_numpy()) < FLOAT32_OVERFLOW))
    if len(bad):
        row, column = bad[0]
        raise DatasetError(f"{path}: row {row} has no number that fits a float32 in {COLUMNS[column]}; correct or remove it")
    if not table["Class"].isin((0, 1)).all():
        raise DatasetError(f"{path}: Class must be 0 or 1")
    negative = np.flatnonzero(table["Amount"] < 0)
    if len(negative):
        raise DatasetError(f"{path}: row {negative[0]} has a negative Amount; correct or remove it")
    if not table["Time"].is_monotonic_increasing:
        raise DatasetError(f"{path} is not in time order, and rows are split by time: sort it by Time first")


def matrix(table: pd.DataFrame) -> NDArray[np.float32]:
    """The model's inputs of a table, by `model.features.matrix`: float32[n, 29]. Raises InputError for NaN and infinity."""
    return features.matrix(table[list(INPUTS)].to_numpy(np.float64))


def rows_sha256(table: pd.DataFrame) -> str:
    """SHA-256 of the rows themselves: `COLUMNS` as little-endian float64, row by row."""
    return hashlib.sha256(np.ascontiguousarray(table[list(COLUMNS)].to_numpy("<f8")).data).hexdigest()

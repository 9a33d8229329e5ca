"""Labelled transactions on disk: a CSV with Time, V1..V28, Amount and Class, in time order."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model.errors import DatasetError
from payments import features
from payments.arrays import Singles
from payments.contract import FLOAT32_OVERFLOW, INPUTS

COLUMNS = ("Time", *INPUTS, "Class")


def read(path: Path) -> pd.DataFrame:
    """Return the rows of a CSV for training or evaluation.

    Time (seconds from the first row), V1..V28 and Amount are float64, Class (1 is fraud) int64.
    Raises DatasetError if the file cannot be read, lacks a column, has a value that does not fit a
    float32, or is not in time order.
    """
    try:
        table = _read_csv(path, COLUMNS)[list(COLUMNS)].astype(float)
    except ValueError as error:
        raise DatasetError(f"{path} has text in a numeric column: {error}") from None
    _refuse_values(path, table)
    return table.astype({"Class": "int64"})


@dataclass(frozen=True)
class UnusableCells:
    """Counts of a column's empty cells (`missing`) and of those with an invalid value."""

    name: str
    missing: int
    invalid: int


def survey(path: Path) -> tuple[pd.DataFrame, list[UnusableCells]]:
    """Return the rows of any CSV in its order, and the unusable cells of each column.

    The file need not be usable for training. Columns are those of `read`, all float64, with NaN for
    a missing or invalid cell; Class is left out if the file has none. Raises DatasetError if the
    file cannot be read, lacks another column, or has no rows.
    """
    content = _read_csv(path, COLUMNS[:-1])
    if content.empty:
        raise DatasetError(f"{path} has no rows")
    cells = content[[name for name in COLUMNS if name in content]]
    table = cells.apply(pd.to_numeric, errors="coerce").astype(float)
    table = table.where(table.abs() < FLOAT32_OVERFLOW)
    table["Amount"] = table["Amount"].where(table["Amount"] >= 0)
    if "Class" in table:
        table["Class"] = table["Class"].where(table["Class"].isin((0, 1)))
    missing = cells.isna().sum()
    unusable = table.isna().sum()
    return table, [
        UnusableCells(name, int(missing[name]), int(unusable[name] - missing[name]))
        for name in table
    ]


def _read_csv(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        # low_memory would give a column with text far down two types, and a warning.
        table = pd.read_csv(path, low_memory=False)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}") from None
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise DatasetError(
            f"{path} lacks the columns {', '.join(lacking)}; "
            "expected a CSV with Time, V1..V28, Amount and Class"
        )
    return table


def _refuse_values(path: Path, table: pd.DataFrame) -> None:
    if table.empty:
        raise DatasetError(f"{path} has no rows")
    bad = np.argwhere(~(np.abs(table.to_numpy()) < FLOAT32_OVERFLOW))
    if len(bad):
        row, column = bad[0]
        raise DatasetError(
            f"{path}: row {row} has no number that fits a float32 in {COLUMNS[column]}; "
            "correct or remove it"
        )
    if not table["Class"].isin((0, 1)).all():
        raise DatasetError(f"{path}: Class must be 0 or 1")
    negative = np.flatnonzero(table["Amount"] < 0)
    if len(negative):
        raise DatasetError(f"{path}: row {negative[0]} has a negative Amount; correct or remove it")
    if not table["Time"].is_monotonic_increasing:
        raise DatasetError(
            f"{path} is not in time order, and rows are split by time; sort it by Time first"
        )


def matrix(table: pd.DataFrame) -> Singles:
    """Return a table's model inputs, float32[n, 29]. Raises InputError for NaN and infinity."""
    return features.matrix(table[list(INPUTS)].to_numpy(np.float64))


def rows_sha256(table: pd.DataFrame) -> str:
    """Return the SHA-256 of the rows: `COLUMNS` as little-endian float64, row by row."""
    return hashlib.sha256(
        np.ascontiguousarray(table[list(COLUMNS)].to_numpy("<f8")).data
    ).hexdigest()

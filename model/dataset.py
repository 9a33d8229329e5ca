"""The labelled transactions on disk: a CSV with Time, V1..V28, Amount and Class, in time order."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.errors import DatasetError
from payments import features
from payments.contract import FLOAT32_OVERFLOW, INPUTS

COLUMNS = ("Time", *INPUTS, "Class")


def read(path: Path) -> pd.DataFrame:
    """All rows of a CSV: Time (seconds from the first), V1..V28 and Amount as float64, Class (1 is fraud) as int64.

    Raises DatasetError when it cannot be read, lacks a column, holds what does not fit a float32, or is not in time order.
    """
    try:
        table = _columns(path, COLUMNS)[list(COLUMNS)].astype(float)
    except ValueError as error:
        raise DatasetError(f"{path} holds text where numbers are needed: {error}") from None
    _refuse_values(path, table)
    return table.astype({"Class": "int64"})


@dataclass(frozen=True)
class UnusableCells:
    """How many cells of a column hold no value: `missing` are empty, `invalid` hold what no transaction or class may."""

    name: str
    missing: int
    invalid: int


def survey(path: Path) -> tuple[pd.DataFrame, list[UnusableCells]]:
    """All rows of a CSV that need not be fit for training, in its order, and what each of COLUMNS lacks.

    Columns as `read` returns them, all float64; NaN where a cell is missing or invalid. Class is left out where the file has none.
    Raises DatasetError when it cannot be read, lacks another column, or has no rows.
    """
    found = _columns(path, COLUMNS[:-1])
    if found.empty:
        raise DatasetError(f"{path} has no rows")
    cells = found[[name for name in COLUMNS if name in found]]
    table = cells.apply(pd.to_numeric, errors="coerce").astype(float)
    table = table.where(table.abs() < FLOAT32_OVERFLOW)
    table["Amount"] = table["Amount"].where(table["Amount"] >= 0)
    if "Class" in table:
        table["Class"] = table["Class"].where(table["Class"].isin((0, 1)))
    missing, unusable = cells.isna().sum(), table.isna().sum()
    return table, [
        UnusableCells(name, int(missing[name]), int(unusable[name] - missing[name]))
        for name in table
    ]


def _columns(path: Path, needed: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            path, low_memory=False
        )  # else a column with texts far down has two types, and pandas warns of it
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} cannot be read as a CSV: {error}") from None
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise DatasetError(
            f"{path} lacks the columns {', '.join(lacking)}: a CSV with Time, V1..V28, Amount and Class is needed"
        )
    return table


def _refuse_values(path: Path, table: pd.DataFrame) -> None:
    if table.empty:
        raise DatasetError(f"{path} has no rows")
    bad = np.argwhere(~(np.abs(table.to_numpy()) < FLOAT32_OVERFLOW))
    if len(bad):
        row, column = bad[0]
        raise DatasetError(
            f"{path}: row {row} has no number that fits a float32 in {COLUMNS[column]}; correct or remove it"
        )
    if not table["Class"].isin((0, 1)).all():
        raise DatasetError(f"{path}: Class must be 0 or 1")
    negative = np.flatnonzero(table["Amount"] < 0)
    if len(negative):
        raise DatasetError(f"{path}: row {negative[0]} has a negative Amount; correct or remove it")
    if not table["Time"].is_monotonic_increasing:
        raise DatasetError(
            f"{path} is not in time order, and rows are split by time: sort it by Time first"
        )


def matrix(table: pd.DataFrame) -> NDArray[np.float32]:
    """The model's inputs of a table, by `payments.features.matrix`: float32[n, 29]. Raises InputError for NaN and infinity."""
    return features.matrix(table[list(INPUTS)].to_numpy(np.float64))


def rows_sha256(table: pd.DataFrame) -> str:
    """SHA-256 of the rows themselves: `COLUMNS` as little-endian float64, row by row."""
    return hashlib.sha256(
        np.ascontiguousarray(table[list(COLUMNS)].to_numpy("<f8")).data
    ).hexdigest()

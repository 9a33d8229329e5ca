"""Which rows a model has seen already, told by their content: row numbers say nothing about another file."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset import matrix
from model.intervals import wilson_interval

# Payments repeat each other. In creditcard.csv 3.0 % of the test part repeat a row of the training part, at most 2.6 % of a sixth of the
# training part a row before it, and of the frauds among them not one; of 284,807 simulated rows none repeats one. In 500 rows of the
# test part that follow each other it is up to 6.8 %, whose interval begins at 4.9 %. A file with more holds fitted rows under other times.
_BY_CHANCE = 0.05


def find_duplicates(rows: pd.DataFrame, fitted: pd.DataFrame) -> NDArray[np.bool_]:
    """bool[n]: whether some fitted row holds equal V1..V28 and Amount, as the model reads them, whatever its Time."""
    return np.isin(_inputs(rows), _inputs(fitted))


def find_seen_rows(rows: pd.DataFrame, fitted: pd.DataFrame) -> NDArray[np.bool_]:
    """bool[n]: whether a row is one of the fitted ones: a twin with the same Time, or any twin where they are too many for chance.

    Too many: of the rows, or of the frauds alone, which decide most metrics, the lower bound of the share is above _BY_CHANCE.
    """
    again = find_duplicates(rows, fitted)
    if _too_many(again) or _too_many(again[rows["Class"].to_numpy() == 1]):
        return again
    return again & np.isin(_with_time(rows), _with_time(fitted))


def _too_many(again: NDArray[np.bool_]) -> bool:
    return (wilson_interval(int(again.sum()), len(again)).low or 0.0) > _BY_CHANCE


def _inputs(table: pd.DataFrame) -> NDArray[np.uint64]:
    """A 64-bit hash of each row: two rows of 300,000 have the same by chance once in 400 million files."""
    return _hashes(pd.DataFrame(matrix(table)))


def _with_time(table: pd.DataFrame) -> NDArray[np.uint64]:
    return _hashes(pd.DataFrame(matrix(table)).assign(time=table["Time"].to_numpy()))


def _hashes(table: pd.DataFrame) -> NDArray[np.uint64]:
    return np.asarray(
        pd.util.hash_pandas_object(table + 0.0, index=False), np.uint64
    )  # + 0.0: minus zero is zero

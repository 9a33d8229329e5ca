"""Which rows a model has seen already, told by their content: row numbers say nothing about another file."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset import matrix

# Payments that repeat each other are up to 2.5 % of a sixth of creditcard.csv's training part. Where most rows of a file equal fitted
# ones, they are those rows under other times.
_MOST = 0.5


def twins(rows: pd.DataFrame, fitted: pd.DataFrame) -> NDArray[np.bool_]:
    """bool[n]: whether some fitted row holds equal V1..V28 and Amount, as the model reads them, whatever its Time."""
    return np.isin(_inputs(rows), _inputs(fitted))


def seen(rows: pd.DataFrame, fitted: pd.DataFrame) -> NDArray[np.bool_]:
    """bool[n]: whether a row is one of the fitted ones: a twin with the same Time, or any twin where most rows are twins."""
    again = twins(rows, fitted)
    if again.mean() > _MOST:
        return again
    return again & np.isin(_with_time(rows), _with_time(fitted))


def _inputs(table: pd.DataFrame) -> NDArray[np.uint64]:
    """A 64-bit hash of each row: two rows of 300,000 have the same by chance once in 400 million files."""
    return _hashes(pd.DataFrame(matrix(table)))


def _with_time(table: pd.DataFrame) -> NDArray[np.uint64]:
    return _hashes(pd.DataFrame(matrix(table)).assign(time=table["Time"].to_numpy()))


def _hashes(table: pd.DataFrame) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_pandas_object(table + 0.0, index=False), np.uint64)  # + 0.0: minus zero is zero

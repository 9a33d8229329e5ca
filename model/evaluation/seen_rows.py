"""Find rows that a model has already seen, by content, because row numbers differ between files."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from model.dataset import make_matrix
from model.intervals import estimate_share
from payments.arrays import Flags
from payments.features import FeatureEncoder

# Legitimate payments can be identical. In creditcard.csv, 3.0% of the test part repeat a row of the
# training part, and at most 2.6% of a sixth of the training part repeat an earlier row; none of
# these are frauds. None of 284,807 simulated rows repeats another. In 500 consecutive rows of the
# test part it is up to 6.8%, with an interval from 4.9%. A file with more contains fitted rows
# at other times.
_BY_CHANCE = 0.05


def find_duplicates(rows: pd.DataFrame, fitted: pd.DataFrame, encoder: FeatureEncoder) -> Flags:
    """Return bool[n]: whether a row has the features of a fitted row, at any Time.

    Values are compared as the model reads them, in float32.
    """
    return np.isin(_hash_inputs(rows, encoder), _hash_inputs(fitted, encoder))


def find_seen_rows(rows: pd.DataFrame, fitted: pd.DataFrame, encoder: FeatureEncoder) -> Flags:
    """Return bool[n]: whether a row is one of the fitted rows.

    A row counts as seen if it has the Time and the fields of a fitted row. Its features of history
    may differ: they depend on where the file begins. If there are more duplicates than chance
    explains, all of them count too: if the lower bound of their share is above _BY_CHANCE, among
    the rows or among the frauds alone, which decide most metrics.
    """
    duplicated = find_duplicates(rows, fitted, encoder)
    seen = np.isin(_hash_with_time(rows, encoder), _hash_with_time(fitted, encoder))
    if _exceeds_chance(duplicated) or _exceeds_chance(duplicated[rows["Class"].to_numpy() == 1]):
        seen |= duplicated
    return seen


def _exceeds_chance(duplicated: Flags) -> bool:
    low = estimate_share(int(duplicated.sum()), len(duplicated)).low
    return low is not None and low > _BY_CHANCE


def _hash_inputs(table: pd.DataFrame, encoder: FeatureEncoder) -> NDArray[np.uint64]:
    return _hash(pd.DataFrame(make_matrix(table, encoder)))


def _hash_with_time(table: pd.DataFrame, encoder: FeatureEncoder) -> NDArray[np.uint64]:
    fields = len(encoder.names) - len(encoder.history)
    matrix = pd.DataFrame(make_matrix(table, encoder)[:, :fields])
    return _hash(matrix.assign(time=table["Time"].to_numpy()))


def _hash(table: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each row; 300,000 rows collide in one of 400 million files."""
    without_minus_zero = table + 0.0
    return np.asarray(pd.util.hash_pandas_object(without_minus_zero, index=False), np.uint64)

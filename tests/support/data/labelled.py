"""Random labelled transactions: frauds are rare, and V4, V11 and V14 reveal most of them."""

import numpy as np
import pandas as pd

from model.dataset import TrainingData
from payments.contract import COMPONENTS
from support.data.transactions import ENCODER

FRAUD_SHARE = 0.02


def data(table: pd.DataFrame) -> TrainingData:
    """Return a table of creditcard's features to train on."""
    return TrainingData(table, ENCODER, "0" * 64)


def rows(count: int = 4000, seed: int = 7) -> pd.DataFrame:
    """Return `count` rows in time order, as `model.dataset.read` does."""
    random = np.random.default_rng(seed)
    components = random.normal(size=(count, len(COMPONENTS)))
    fraud = random.random(count) < FRAUD_SHARE
    components[np.ix_(fraud, [3, 10, 13])] += random.normal(
        [2.0, 2.0, -3.0], 1.0, size=(int(fraud.sum()), 3)
    )
    table = pd.DataFrame(components, columns=list(COMPONENTS))
    table.insert(0, "Time", np.sort(random.integers(0, 172_800, count)).astype(float))
    table["Amount"] = np.round(random.lognormal(3.0, 1.5, count), 2)
    table["Class"] = fraud.astype("int64")
    return table

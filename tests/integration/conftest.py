"""The dataset, read once for all tests, and its test part."""

from pathlib import Path

import pandas as pd
import pytest
from support.data.transactions import ENCODER

from model import dataset
from model.split import split


@pytest.fixture(scope="session")
def creditcard_rows(creditcard: Path) -> pd.DataFrame:
    """All rows of the dataset. Copy before changing them."""
    return dataset.read(creditcard, ENCODER)


@pytest.fixture(scope="session")
def last_fifth(creditcard_rows: pd.DataFrame) -> pd.DataFrame:
    """The test part, which is used for evaluation only."""
    return creditcard_rows[split(len(creditcard_rows)).test]

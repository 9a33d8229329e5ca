import json

import numpy as np
import pandas as pd
import pytest
from support.data.drifting import COLUMNS
from support.data.transactions import CREDITCARD

from drift.detect import reference
from drift.errors import NoReferenceError


def artefact(folder, rows, version="v1"):
    columns = {
        "Time": np.arange(len(rows)),
        **{name: rows[:, i] for i, name in enumerate(COLUMNS.names)},
        "Class": 0,
        "probability": 0.1,
    }
    pd.DataFrame(columns).to_parquet(folder / "reference.parquet")
    (folder / "manifest.json").write_text(json.dumps({"version": version}))


def test_reads_the_columns_in_order(tmp_path):
    rows = np.random.default_rng(1).normal(size=(500, len(COLUMNS)))
    artefact(tmp_path, rows)
    found = reference.load(tmp_path, CREDITCARD)
    assert found.version == "v1"
    assert np.array_equal(found.detector.sample, rows)


def test_a_missing_reference_says_what_to_do(tmp_path):
    with pytest.raises(NoReferenceError, match="fraud train"):
        reference.load(tmp_path / "latest", CREDITCARD)


@pytest.mark.parametrize(
    "rows", [np.zeros((99, len(COLUMNS))), np.full((500, len(COLUMNS)), np.nan)]
)
def test_refuses_an_unusable_reference(tmp_path, rows):
    artefact(tmp_path, rows)
    with pytest.raises(NoReferenceError, match="all finite"):
        reference.load(tmp_path, CREDITCARD)


def test_refuses_a_reference_with_other_columns(tmp_path):
    artefact(tmp_path, np.zeros((500, len(COLUMNS))))
    pd.DataFrame({"V1": [1.0]}).to_parquet(tmp_path / "reference.parquet")
    with pytest.raises(NoReferenceError, match="fraud train"):
        reference.load(tmp_path, CREDITCARD)

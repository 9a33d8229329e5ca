"""Valid files are read unchanged, and others are refused in one line."""

import numpy as np
import pandas as pd
import pytest
from support.data import labelled
from support.data.transactions import ENCODER

from model import dataset
from payments.contract import INPUTS
from payments.errors import PaymentFileError


def written(tmp_path, table):
    path = tmp_path / "rows.csv"
    table.to_csv(path, index=False)
    return path


def test_reads_back_what_was_written_and_ignores_further_columns(tmp_path):
    table = labelled.rows(50)
    read = dataset.read(written(tmp_path, table.assign(comment="x")), ENCODER)
    pd.testing.assert_frame_equal(read, table)


def test_the_matrix_equals_the_rows_that_the_stream_packs(tmp_path):
    table = labelled.rows(50)
    matrix = dataset.make_matrix(table, ENCODER)
    assert matrix.dtype == np.float32
    assert matrix.shape == (50, 29)
    assert matrix[7, -1] == np.float32(table["Amount"][7])
    assert matrix[7, 0] == np.float32(table["V1"][7])


def with_value(column, value):
    table = labelled.rows(50).astype(object)
    table.loc[9, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (with_value("Amount", 1e39), "row 9: Amount is '1e.39', which does not fit a float32"),
        (with_value("Amount", -0.01), "row 9: Amount is '-0.01', which is negative"),
    ],
)
def test_refuses_amounts_that_no_transaction_may_have(tmp_path, table, says):
    """tests/unit/payments/test_files.py has what no file may have."""
    with pytest.raises(PaymentFileError, match=says):
        dataset.read(written(tmp_path, table), ENCODER)


def test_the_hash_of_the_rows_changes_with_any_cell_and_with_their_order():
    table = labelled.rows(50)
    known = dataset.hash_rows(table)
    assert dataset.hash_rows(table.copy()) == known
    for column in (*INPUTS, "Time", "Class"):
        changed = table.copy()
        changed.loc[49, column] += 1
        assert dataset.hash_rows(changed) != known, column
    assert dataset.hash_rows(table.iloc[::-1]) != known

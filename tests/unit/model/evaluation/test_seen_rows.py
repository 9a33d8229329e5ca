"""Seen rows are found by content, whatever their row number, file or Time."""

import pandas as pd
import pytest
from support.data import labelled
from support.data.transactions import ENCODER

from model.evaluation.seen_rows import find_duplicates, find_seen_rows


def test_other_rows_are_neither():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    assert not find_duplicates(rows, fitted, ENCODER).any()
    assert not find_seen_rows(rows, fitted, ENCODER).any()


def test_a_repeated_payment_is_a_twin_and_was_not_seen():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    rows.loc[4] = fitted.loc[17].to_dict() | {"Time": 9_999_999.0}
    assert find_duplicates(rows, fitted, ENCODER).nonzero()[0].tolist() == [4]
    assert not find_seen_rows(rows, fitted, ENCODER).any()


def test_a_fitted_row_among_others_was_seen_regardless_of_its_label():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    rows.loc[4] = fitted.loc[17].to_dict() | {"Class": 1 - fitted.loc[17, "Class"]}
    assert find_seen_rows(rows, fitted, ENCODER).nonzero()[0].tolist() == [4]


def later(rows):
    return rows.assign(Time=rows["Time"] + 200_000.5)


@pytest.mark.parametrize(("again", "others"), [(60, 40), (40, 60), (80, 1_000), (1, 0)])
def test_fitted_rows_under_other_times_were_seen(again, others):
    fitted = labelled.rows(500)
    mixed = pd.concat([labelled.rows(others, seed=8), later(fitted[100 : 100 + again])])
    assert find_seen_rows(mixed, fitted, ENCODER).sum() == again


def test_even_a_few_fitted_frauds_under_other_times_were_seen():
    fitted = labelled.rows(1_000)
    frauds = fitted[fitted["Class"] == 1]
    mixed = pd.concat([labelled.rows(2_000, seed=8), later(frauds)])
    assert len(frauds) / len(mixed) < 0.02
    assert find_seen_rows(mixed, fitted, ENCODER).sum() == len(frauds)


@pytest.mark.parametrize(
    ("again", "rows"), [(34, 500), (1_722, 56_962)]
)  # as the test part of creditcard.csv has them
def test_the_usual_share_of_repeats_was_not_seen(again, rows):
    fitted = labelled.rows(4_000)
    legitimate = fitted[fitted["Class"] == 0]
    mixed = pd.concat([labelled.rows(rows - again, seed=8), later(legitimate[:again])])
    assert find_duplicates(mixed, fitted, ENCODER).sum() == again
    assert not find_seen_rows(mixed, fitted, ENCODER).any()


def test_values_equal_in_float32_are_equal():
    fitted = labelled.rows(50)
    assert find_duplicates(fitted.assign(V1=fitted["V1"] * (1 + 1e-12)), fitted, ENCODER).all()
    assert find_duplicates(fitted.assign(V1=-0.0), fitted.assign(V1=0.0), ENCODER).all()
    assert not find_duplicates(fitted.assign(V1=fitted["V1"] + 0.001), fitted, ENCODER).any()

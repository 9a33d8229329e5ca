"""Rows are known again by what they hold: their numbers, their file and their time do not matter."""

import labelled
import pandas as pd

from model.overlap import seen, twins


def test_other_rows_are_neither():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    assert not twins(rows, fitted).any()
    assert not seen(rows, fitted).any()


def test_a_repeated_payment_is_a_twin_and_was_not_seen():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    rows.loc[4] = fitted.loc[17].to_dict() | {"Time": 9_999_999.0}
    assert twins(rows, fitted).nonzero()[0].tolist() == [4]
    assert not seen(rows, fitted).any()


def test_a_fitted_row_among_others_was_seen_whatever_its_label():
    fitted, rows = labelled.rows(500), labelled.rows(300, seed=8)
    rows.loc[4] = fitted.loc[17].to_dict() | {"Class": 1 - fitted.loc[17, "Class"]}
    assert seen(rows, fitted).nonzero()[0].tolist() == [4]


def test_fitted_rows_under_other_times_were_seen():
    fitted = labelled.rows(500)
    part = fitted[100:160].assign(Time=lambda rows: rows["Time"] - rows["Time"].min() + 0.5)
    mixed = pd.concat([part, labelled.rows(40, seed=8)])
    assert seen(mixed, fitted).sum() == 60


def test_what_a_float32_cannot_tell_apart_is_equal():
    fitted = labelled.rows(50)
    assert twins(fitted.assign(V1=fitted["V1"] * (1 + 1e-12)), fitted).all()
    assert twins(fitted.assign(V1=-0.0), fitted.assign(V1=0.0)).all()
    assert not twins(fitted.assign(V1=fitted["V1"] + 0.001), fitted).any()

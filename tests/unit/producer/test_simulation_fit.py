"""Fitting parameters to labelled rows: reproducible, and without the values of any single row."""

import numpy as np
import pandas as pd
import pytest
from support.data import labelled

from payments.contract import COMPONENTS
from producer.simulation import fit
from producer.simulation.amount import fit_quantile_function
from producer.simulation.parameters import ATOM_ROWS, MIN_FRAUDS, MIN_ROWS
from producer.simulation.selection import Selection

ROWS = 6_000
PRICE = 9.99


@pytest.fixture(scope="module")
def table():
    rows = labelled.rows(ROWS)
    rows.loc[::20, "Amount"] = PRICE
    rows.loc[rows["Amount"].idxmax(), "Amount"] = 1e6
    return rows


@pytest.fixture(scope="module", autouse=True)
def smaller():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "COMPONENTS_LEGITIMATE": 8,
            "COMPONENTS_FRAUD": 2,
            "BLOCKS": 2,
            "CUTS": 20,
            "DRAWN": 5_000,
        }.items():
            patch.setattr(fit, name, value)
        yield


@pytest.fixture(scope="module")
def parameters(table):
    return fit.fit(table, rounds=3)


def test_the_same_rows_give_the_same_bytes(table, parameters, tmp_path):
    parameters.save(tmp_path / "a.npz")
    fit.fit(table, rounds=3).save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_each_component_is_based_on_many_rows(parameters):
    assert parameters.rows_legitimate.min() >= MIN_ROWS
    assert parameters.rows_fraud.min() >= MIN_FRAUDS


def test_duplicate_rows_count_once(table):
    copies = (
        pd.concat([table, *[table[table["Class"] == 0].head(1)] * 500])
        .sort_values("Time", kind="stable")
        .reset_index(drop=True)
    )
    found = fit.fit(copies, rounds=3).legitimate
    expected = table.loc[table["Class"] == 0, list(COMPONENTS)].mean()
    np.testing.assert_allclose(found.weights @ found.means[:, :-1], expected, atol=0.02)


def test_cuts_and_amounts_contain_no_value_of_a_single_row(table, parameters):
    nodes = Selection(parameters.selection).booster.trees_to_dataframe().query("Feature != 'Leaf'")
    assert len(nodes)
    for column, name in enumerate(COMPONENTS):
        assert not set(nodes.loc[nodes["Feature"] == f"f{column}", "Split"]) & set(
            table[name].astype("float32").astype(float)
        )
    counts = table["Amount"].value_counts()
    assert PRICE in parameters.amounts
    assert all(counts.get(amount, ATOM_ROWS) >= ATOM_ROWS for amount in parameters.amounts)


def test_an_extreme_amount_is_not_reproduced(table):
    _, amounts = fit_quantile_function(table["Amount"].to_numpy())
    assert amounts.max() < table["Amount"].max() / 10


def test_the_parameters_describe_the_data(table, parameters):
    assert parameters.fraud_share == pytest.approx(table["Class"].mean())
    assert parameters.rate.sum() * 2 == pytest.approx(ROWS, rel=0.05)
    moved = parameters.fraud.weights @ parameters.fraud.means
    assert moved[3] > 1
    assert moved[13] < -2
    np.testing.assert_allclose(parameters.hourly.sum(axis=1), 1)

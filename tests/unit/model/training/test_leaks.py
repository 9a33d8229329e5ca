"""A feature made from the label is found on the forward folds."""

import numpy as np
import pytest
from support.data import labelled

from cli.commands.train import train_model
from cli.support.settings import Settings
from model.split import split
from model.training import leaks, pipeline
from model.training.pipeline import Recipe
from payments.contract import INPUTS

FEW = Recipe({}, trees=10)  # whatever the default parameters forbid


def leaky(feature="V5", sign=1.0, noise=0.1):
    """Rows in which one feature is the class, with some noise."""
    table = labelled.rows()
    table[feature] = sign * table["Class"] + np.random.default_rng(1).normal(0, noise, len(table))
    return table


def find_leak(table):
    return leaks.find_leak(table, pipeline.train(labelled.data(table), FEW).manifest)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_feature_is_named(sign):
    leak = find_leak(leaky(sign=sign))
    assert leak.features == ("V5",)
    assert leak.average_precision > leaks.SUSPICIOUS
    assert str(leak).startswith("the average precision of V5 alone is")


def test_a_leak_spread_over_features_is_caught_without_a_name():
    table = labelled.rows()
    fraud = table["Class"] == 1
    for feature in INPUTS[:12]:
        table.loc[fraud, feature] += 2.0
    leak = find_leak(table)
    assert leak.features == ()
    assert str(leak).startswith("the average precision on a forward fold is")


def test_honest_rows_raise_no_suspicion():
    table = labelled.rows()
    table.loc[table["Class"] == 1, ["V4", "V11", "V14"]] /= 4
    assert find_leak(table) is None


def test_the_test_part_is_not_read():
    table = labelled.rows()
    table.loc[table["Class"] == 1, ["V4", "V11", "V14"]] /= 4
    part = table.index[split(len(table)).test]
    table.loc[part, "V5"] = table.loc[part, "Class"]
    assert find_leak(table) is None


def test_training_says_so_even_when_it_is_quiet(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FRAUD_HOME", str(tmp_path))
    table = leaky("Amount", noise=0.0)
    path = tmp_path / "leaky.csv"
    table.to_csv(path, index=False)
    train_model(Settings.from_environment(), path, quiet=True)
    assert (
        "fraud: warning: the average precision of Amount alone is 1.000, above 0.95"
        in capsys.readouterr().err
    )

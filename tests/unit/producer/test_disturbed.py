"""Disturbing the rows of a replay."""

import json

import numpy as np
import pytest

from payments.contract import INPUTS
from producer.disturbed import disturb, shift_halfway
from producer.errors import SimulationError
from producer.rows import Row, encode_inputs, encode_transaction
from producer.simulation.disturbance import parse
from producer.simulation.parameters import Parameters

COUNT = 2_500


def rows():
    return [
        Row(
            9 + i,
            f"r-{9 + i}",
            100.0 + i,
            encode_inputs([b"%d.25" % (n + i % 3) for n in range(len(INPUTS))]),
            False,
        )
        for i in range(COUNT)
    ]


def values(found, name):
    return np.array([json.loads(encode_transaction(row))[name] for row in found])


def test_only_the_feature_is_shifted_and_only_from_the_given_row():
    before = rows()
    after = list(disturb(rows(), [parse("shift:V14@1200:2")]))
    assert after[:1_200] == before[:1_200]
    sd = Parameters.load().sd[INPUTS.index("V14")]
    assert values(after[1_200:], "V14") - values(before[1_200:], "V14") == pytest.approx(2 * sd)
    others = [name for name in INPUTS if name != "V14"]
    assert all(np.array_equal(values(after, name), values(before, name)) for name in others)
    assert [(row.number, row.transaction_id, row.time) for row in after] == [
        (row.number, row.transaction_id, row.time) for row in before
    ]


def test_a_missing_feature_is_left_out_of_the_transaction():
    found = [
        json.loads(encode_transaction(row))
        for row in disturb(rows(), [parse("missing:V3@10s..20s")])
    ]
    assert [i for i, fields in enumerate(found) if "V3" not in fields] == list(range(10, 20))


def test_the_same_seed_gives_the_same_rows():
    half = [parse("stuck:V2@0:0.5")]
    assert (
        list(disturb(rows(), half))
        == list(disturb(rows(), half))
        != list(disturb(rows(), half, seed=2))
    )


def test_a_surge_needs_more_rows_than_a_file_has():
    with pytest.raises(SimulationError, match="surge cannot be applied to the rows of a file"):
        disturb(rows(), [parse("surge@0:10")])


def test_the_drift_of_the_demo_begins_halfway():
    after = list(disturb(rows(), shift_halfway(COUNT)))
    assert after[: COUNT // 2] == rows()[: COUNT // 2]
    assert (values(after, "V4") != values(rows(), "V4")).sum() == COUNT - COUNT // 2

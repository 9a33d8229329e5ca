"""Batches of payments with history: what the model reads, and the blocks that are written."""

import json

import numpy as np
from support.data.small_history import SCHEMA
from support.fakes import NOW, FakeModel, make_batch

from payments.decoder import TransactionDecoder
from payments.features import FeatureEncoder
from streams.history.block import decode
from streams.history.state import History
from streams.scorer.scoring import Scorer

DECODER = TransactionDecoder(FeatureEncoder(SCHEMA, {}))
COUNT = DECODER.encoder.names.index("account.count.3d")
FATAL = 666.0


class Reading(FakeModel):
    """Keeps the rows that it scores, and fails on an amount of FATAL."""

    def __init__(self):
        super().__init__(decoder=DECODER, typical_ranges=dict.fromkeys(self.features, (0, 1)))
        self.rows = []

    features = DECODER.encoder.names

    def compute_margins(self, rows):
        if (rows[:, 0] == FATAL).any():
            raise RuntimeError("the model cannot")
        self.rows += rows.tolist()
        return np.full(len(rows), -3.0)


def pay(number, at, paid=1.0):
    return json.dumps(
        {"id": f"p{number}", "at": f"2026-01-01T{at}Z", "paid": paid, "account": "a"}
    ).encode()


def score(model, history, *values):
    return Scorer(model, lambda: NOW, history=history).score(make_batch(*values))


def make_history():
    history = History(SCHEMA, 0)
    history.begin(0, 0)
    return history


def test_payments_count_in_the_order_of_their_times_and_once_however_often_scoring_is_tried():
    model, history = Reading(), make_history()
    values = [pay(0, "10:02:00"), pay(1, "10:01:00", FATAL), b"", pay(3, "10:00:00")]
    scored = score(model, history, *values)
    assert scored.dead_letters == {"scoring_failed": 1, "malformed_json": 1}
    # the one that failed counts too; a row of zeros only tries the model
    assert sorted(row[COUNT] for row in model.rows if row[0]) == [1, 3]
    [output] = [output for output in scored.outputs if output.topic == "history"]
    block = decode(output.value)
    assert (output.partition, output.key, output.headers) == (0, None, None)
    assert (block.first, block.end, block.offsets.tolist()) == (0, 4, [0, 1, 3])
    assert block.batch == {0: 4}
    scored.applied.committed = True
    history.begin(1, 0)
    batch = make_batch(pay(9, "10:03:00"), partition=1)
    [_, block] = [
        decode(output.value) if output.topic == "history" else None
        for output in Scorer(model, lambda: NOW, history=history).score(batch).outputs[::-1]
    ]
    assert model.rows[-1][COUNT] == 4
    assert block.applied == {0: 4, 1: 0}


def test_a_batch_of_dead_letters_writes_a_block_without_rows():
    scored = score(Reading(), make_history(), b"", b"{}")
    [output] = [output for output in scored.outputs if output.topic == "history"]
    block = decode(output.value)
    assert (block.first, block.end, len(block.offsets)) == (0, 2, 0)


def test_a_time_in_the_future_counts_as_the_present():
    history = make_history()
    value = pay(0, "10:00:00").replace(b"2026", b"2036")
    [output] = [
        output for output in score(Reading(), history, value).outputs if output.topic == "history"
    ]
    assert decode(output.value).times.tolist() == [int(NOW.timestamp() * 1000)]

"""A record that makes the scorer raise: it alone is a dead letter, and all others are scored as ever."""

import sys

import msgspec
import numpy as np
import pytest
from replays import COUNT, Scored, finish
from scorers import scorer
from support import read_all

from streams import topics
from streams.ledger import audit

FATAL = "c-7777"


def test_a_record_that_makes_the_scorer_raise_is_one_dead_letter(connection, replay, expected):
    with scorer(connection, workers=2, command=[sys.executable, "tests/faulty_scorer.py", "none", "--raise-on", FATAL]) as system:
        finish(replay)
        messages = read_all(connection, topics.PREDICTIONS, COUNT - 1, timeout=120)
        [dead] = read_all(connection, topics.DEAD_LETTERS, 1)
        assert "starting it again" not in system.log
    headers = dict(dead.headers())
    assert (headers["error.kind"], headers["error.detail"]) == (b"scoring_failed", b"RuntimeError: the model has a fault")
    assert f'"{FATAL}"'.encode() in dead.value()
    books = audit(connection)
    assert (books.sent, books.scored, books.rejected, books.lost, books.duplicated) == (COUNT, COUNT - 1, 1, 0, 0)
    predictions = [msgspec.json.decode(message.value(), type=Scored) for message in messages]
    found = {prediction.transaction_id: prediction.probability for prediction in predictions}
    assert found.keys() == expected.keys() - {FATAL}
    assert np.array([found[key] for key in found]) == pytest.approx(np.array([expected[key] for key in found]), abs=1e-12)

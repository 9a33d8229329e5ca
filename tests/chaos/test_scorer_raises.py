"""A record that makes scoring raise becomes a dead letter; all others are scored."""

import sys

from support.replays import assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import RESTARTING, run_scorer
from support.topic_reader import read_all

from streams.kafka import topics

FATAL = "c-7777"


def test_a_record_that_makes_scoring_raise_is_the_only_dead_letter(
    connection, creditcard, expected
):
    command = [sys.executable, "tests/support/faulty_scorer.py", "none", "--raise-on", FATAL]
    with (
        run_scorer(connection, workers=2, command=command) as system,
        run_replay(connection, creditcard) as replay,
    ):
        [dead] = read_all(connection, topics.DEAD_LETTERS, 1)
        assert_running(replay)
        finish_replay(replay)
        others = {name: value for name, value in expected.items() if name != FATAL}
        assert_exactly_once(connection, others, rejected=1)
        assert RESTARTING not in system.log
    headers = dict(dead.headers())
    assert headers["error.kind"] == b"scoring_failed"
    assert headers["error.detail"] == b"RuntimeError: the model has a fault"
    assert f'"{FATAL}"'.encode() in dead.value()

"""A stream in which nearly everything is rejected is said once a minute, with the reason."""

import pytest
from support.fakes import make_scored

from streams.scorer import rejection_log
from streams.scorer.rejection_log import RejectionLog


def batch(scored, rejected, kind="invalid_transaction", detail="missing field `V3`"):
    made = make_scored(scored + rejected, rejected, kind)
    made.details = {kind: detail}
    return made


@pytest.fixture
def said(monkeypatch, caplog):
    """Return what is logged after each of these minutes, which are lists of batches."""
    now = [0.0]
    monkeypatch.setattr(rejection_log, "monotonic", lambda: now[0])

    def run(*minutes):
        rejections = RejectionLog()
        for batches in minutes:
            for one in batches:
                rejections.record(one)
            now[0] += 59
            rejections.tick()
            now[0] += 1
            rejections.tick()
        return [record.getMessage() for record in caplog.records]

    return run


def test_a_rejected_stream_is_said_once_a_minute(said):
    rejected = batch(0, 900)
    lines = said([rejected, batch(50, 50, "malformed_json")], [batch(1, 9)], [])
    assert lines == [
        "950 of 1,000 records of the last minute were rejected, 900 as invalid_transaction "
        "(missing field `V3`); look at them: fraud dlq list",
        "9 of 10 records of the last minute were rejected, 9 as invalid_transaction "
        "(missing field `V3`); look at them: fraud dlq list",
    ]


def test_a_stream_of_which_a_part_is_scored_is_not(said):
    assert said([batch(2, 8)], [batch(100, 0)]) == []


def test_the_reason_is_one_short_line(said):
    [line] = said([batch(0, 1, detail="a\n" * 1000)])
    assert "\n" not in line
    assert len(line) < 300

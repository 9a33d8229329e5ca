"""Workers that die are restarted, until restarting does not help."""

import logging
import multiprocessing
import os
import signal
from functools import partial

import pytest
from support.scorer_process import DIED, RESTARTING
from support.waiting import wait_for

from streams.kafka.errors import AFTER_OUTAGE, CANNOT_START, DO_NOT_RESTART, HOPELESS
from streams.scorer import supervisor
from streams.scorer.supervisor import Supervisor

GAVE_UP = "workers died 5 times within 60 s: giving up"


@pytest.fixture(autouse=True)
def handlers():
    """Restore the signal handlers, which the supervisor replaces."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def dies(_number, _restarts):
    os._exit(9)


def is_fenced_six_times(_number, restarts):
    os._exit(AFTER_OUTAGE if restarts < 6 else DO_NOT_RESTART)


def is_killed_with_all_the_others(barrier, number, restarts):
    """Die once. When all are up again, the first worker ends the test."""
    barrier.wait(60)
    if not restarts:
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(DO_NOT_RESTART)


def cannot_start_again(path, number, restarts):
    """Worker 0 runs until `path` has four lines; worker 1 dies, and then cannot start."""
    if number:
        with path.open("a") as starts:
            starts.write("start\n")
        os._exit(CANNOT_START if restarts else 9)
    wait_for(lambda: path.exists() and len(path.read_text().splitlines()) >= 4, 60, "4 starts")
    os._exit(CANNOT_START)


def cannot_start(_number, _restarts):
    os._exit(CANNOT_START)


def has_no_hope(_number, _restarts):
    os._exit(HOPELESS)


def test_five_deaths_in_a_minute_end_it_after_pauses_that_double(caplog):
    with caplog.at_level(logging.WARNING):
        assert Supervisor(dies, workers=1).run() == 1
    pauses = [message.rpartition(" in ")[2] for message in caplog.messages if RESTARTING in message]
    assert pauses == ["0.2 s", "0.4 s", "0.8 s", "1.6 s"]
    assert sum(DIED in message for message in caplog.messages) == 4
    assert caplog.messages[-1] == GAVE_UP


def test_outages_are_not_deaths_and_a_worker_can_forbid_a_restart(caplog):
    with caplog.at_level(logging.WARNING):
        assert Supervisor(is_fenced_six_times, workers=1).run() == DO_NOT_RESTART
    assert [message for message in caplog.messages if DIED in message] == []
    assert GAVE_UP not in caplog.messages
    assert len(caplog.messages) == 6


def test_a_worker_that_cannot_start_again_stops_no_other(caplog, monkeypatch, tmp_path):
    monkeypatch.setattr(supervisor, "_REPAIR_PAUSE_S", 0.1)
    run = partial(cannot_start_again, tmp_path / "starts")
    with caplog.at_level(logging.ERROR):
        assert Supervisor(run, workers=2).run() == DO_NOT_RESTART  # once worker 0 ends, too
    said = "worker 1 cannot start, the other 1 go on; trying again in 0 s"
    assert caplog.messages[:2] == [said, said]


def test_a_worker_that_cannot_start_at_first_stops_all():
    assert Supervisor(cannot_start, workers=2).run() == DO_NOT_RESTART


def test_no_hope_ends_it_at_once(caplog):
    with caplog.at_level(logging.WARNING):
        assert Supervisor(has_no_hope, workers=2).run() == 1
    assert caplog.messages == []


@pytest.fixture
def five_killed():
    """Run a supervisor of five workers that are killed at the same moment; return its exit code."""
    barrier = multiprocessing.get_context("spawn").Barrier(5)
    return Supervisor(partial(is_killed_with_all_the_others, barrier), workers=5).run


def test_workers_that_die_together_are_one_death(five_killed, caplog):
    with caplog.at_level(logging.WARNING):
        assert five_killed() == DO_NOT_RESTART
    assert len([message for message in caplog.messages if RESTARTING in message]) == 5


def test_as_many_separate_deaths_end_it(five_killed, monkeypatch):
    monkeypatch.setattr(supervisor, "_TOGETHER_S", 0.0)
    assert five_killed() == 1

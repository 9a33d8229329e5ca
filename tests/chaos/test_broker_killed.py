"""A broker that ends during a replay, killed or shut down, and comes back."""

from time import monotonic

import psutil
import pytest
from support.replays import COUNT, assert_exactly_once, assert_running, finish_replay, run_replay
from support.scorer_process import DIED, RESTARTING, run_scorer
from support.topic_reader import read_all
from support.waiting import wait_for

from streams.kafka import topics

AWAY_S = 20.0  # less than streams.kafka.committer.DEADLINE_S


def kill(own_broker, connection):
    servers = connection.bootstrap_servers
    [broker] = [process for process in psutil.process_iter() if listens(process, servers)]
    broker.kill()
    broker.wait(30)


def stop(own_broker, _):
    assert own_broker.stop()


@pytest.mark.parametrize("end", [kill, pytest.param(stop, marks=pytest.mark.long)])
def test_a_broker_that_ends_during_a_replay_costs_only_time(
    own_broker, own_connection, creditcard, expected, end
):
    connection = own_connection
    with run_scorer(connection, workers=2) as system, run_replay(connection, creditcard) as replay:
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        assert_running(replay)
        end(own_broker, connection)
        own_broker.start(say=print)
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        assert system.process.poll() is None


@pytest.mark.long
def test_workers_stay_healthy_but_not_ready_while_the_broker_is_away(
    own_broker, own_connection, creditcard, expected
):
    connection = own_connection
    with (
        run_scorer(connection, workers=2) as system,
        run_replay(connection, creditcard, rate=1000) as replay,
    ):
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        assert_running(replay)
        workers = system.pids()
        assert own_broker.stop()
        away_until = monotonic() + AWAY_S
        wait_for(lambda: not any(system.ready_workers()), 15, "no worker is ready")
        while monotonic() < away_until:
            assert system.ready_workers() == [False] * 2
            assert [system.page(worker, "/health") for worker in range(2)] == ["ok\n"] * 2
            assert system.pids() == workers
        own_broker.start(say=print)
        finish_replay(replay)
        assert_exactly_once(connection, expected)
        wait_for(system.ready, 60, "all workers are ready again")
        assert DIED not in system.log  # being fenced by the outage is no crash


def test_an_idle_scorer_is_not_ready_while_the_broker_is_away_and_then_continues(
    own_broker, own_connection, model
):
    with run_scorer(own_connection) as system:
        own_broker.stop()
        wait_for(lambda: not system.ready(), 30, "the scorer is not ready")
        assert system.page(0, "/health") == "ok\n"
        own_broker.start(say=print)
        wait_for(system.ready, 60, "the scorer is ready again")
        assert len(system.pids()) == 1
        assert RESTARTING not in system.log


def listens(process, servers):
    try:
        return any(
            f"{address.laddr.port}" == servers.rpartition(":")[2]
            for address in process.net_connections()
            if address.status == "LISTEN"
        )
    except psutil.Error:
        return False

"""A broker of the test's own that dies with SIGKILL during a replay, and comes back."""

import subprocess
import sys

import psutil
from scorers import ROOT, environment, scorer
from support import read_all, wait_for

from streams import topics
from streams.connection import Connection
from streams.ledger import audit

COUNT = 20_000


def test_a_broker_killed_during_a_replay_costs_nothing_but_time(own_broker, creditcard, model):
    connection = Connection(own_broker.bootstrap_servers)
    topics.create(connection, partitions=4)
    command = [sys.executable, "-m", "cli.main", "replay", "--data", str(creditcard), "--run", "b", "--limit", str(COUNT), "--rate", "2000"]
    with scorer(connection, workers=2) as system:
        replay = subprocess.Popen(command, env=environment(connection), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        read_all(connection, topics.PREDICTIONS, COUNT // 10)
        [broker] = [process for process in psutil.process_iter() if listens(process, connection.bootstrap_servers)]
        broker.kill()
        broker.wait(30)
        own_broker.start(say=print)
        output, _ = replay.communicate(timeout=120)
        assert replay.returncode == 0, output.decode()
        read_all(connection, topics.PREDICTIONS, COUNT, timeout=120)
        assert system.process.poll() is None, system.log
    books = audit(connection)
    assert (books.sent, books.scored, books.lost, books.duplicated) == (COUNT, COUNT, 0, 0)


def test_an_idle_scorer_is_not_ready_while_the_broker_is_away_and_then_goes_on(own_broker, creditcard, model):
    connection = Connection(own_broker.bootstrap_servers)
    topics.create(connection, partitions=4)
    with scorer(connection) as system:
        own_broker.stop()
        wait_for(lambda: not system.ready(), 30, "the scorer is not ready")
        assert system.page(0, "/health") == "ok\n"
        own_broker.start(say=print)
        wait_for(system.ready, 60, "the scorer is ready again")
        assert len(system.pids()) == 1
        assert "starting it again" not in system.log


def listens(process, servers):
    try:
        return any(
            f"{address.laddr.port}" == servers.rpartition(":")[2] for address in process.net_connections() if address.status == "LISTEN"
        )
    except psutil.Error:
        return False

"""Kill the broker that coordinates the scorer's group during a replay, and print what that costs.

    python tests/chaos/coordinator_loss.py STRATEGY TIMEOUT_MS

STRATEGY is the producer's metadata.recovery.strategy, TIMEOUT_MS its transaction time-out. Three
brokers start in a temporary folder; 20,000 transactions are sent at 500 a second.
"""

import os
import sys
import tempfile
from pathlib import Path
from time import monotonic

from cli.main import main
from streams.kafka import committer, topics
from streams.ledger.audit import audit

ROOT = Path(__file__).resolve().parents[2]
CSV = Path.home() / ".cache" / "streaming-fraud-scorer" / "creditcard.csv"
VARIABLE = "COORDINATOR_LOSS"  # strategy and time-out, for the scorer's processes


def patch_settings(strategy: str, timeout_ms: str) -> None:
    make_settings = committer.make_producer_settings

    def settings(name):
        return make_settings(name) | {
            "metadata.recovery.strategy": strategy,
            "transaction.timeout.ms": timeout_ms,
            "delivery.timeout.ms": timeout_ms,
        }

    committer.make_producer_settings = settings


def measure() -> None:
    sys.path.insert(0, str(ROOT / "tests"))
    from support.brokers.three import run_three_brokers
    from support.replays import COUNT, finish_replay, run_replay
    from support.scorer_process import run_scorer
    from support.topic_reader import read_all
    from support.waiting import wait_for

    command = [sys.executable, __file__, "score"]
    with tempfile.TemporaryDirectory() as folder, run_three_brokers(Path(folder)) as brokers:
        connection = brokers.connection
        with run_scorer(connection, command=command, wait=False) as system:
            wait_for(system.ready, 240, "the scorer is ready")
            first = system.pids()
            with run_replay(connection, CSV, rate=500) as replay:
                read_all(connection, topics.PREDICTIONS, COUNT // 10, timeout=120)
                brokers.kill(brokers.find_coordinator(topics.SCORER_GROUP))
                killed_at = monotonic()
                finish_replay(replay)
                sent_s = monotonic() - killed_at
                read_all(connection, topics.PREDICTIONS, COUNT, timeout=240)
            scored_s = monotonic() - killed_at
            found = audit(connection)
            sys.stderr.write(
                f"{os.environ[VARIABLE]}: all sent {sent_s:.0f} s after the kill, all scored after "
                f"{scored_s:.0f} s; ledger complete: {found.complete}; "
                f"same worker: {system.pids() == first}; "
                f"deadline: {'no answer from the cluster' in system.log}\n"
            )


if VARIABLE in os.environ:
    patch_settings(*os.environ[VARIABLE].split())
if __name__ == "__main__":
    if sys.argv[1:2] == ["score"]:
        main()
    else:
        os.environ[VARIABLE] = " ".join(sys.argv[1:3])
        measure()

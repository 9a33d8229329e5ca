"""The same features in a stateful map of Bytewax, in memory, without a recovery store.

Run: python -m benchmarks.peers.bytewax.history PAYMENTS.npy
"""

import sys
import time
from pathlib import Path

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, run_main

from benchmarks.peers.history import BATCH, Account, Features, add_up, read_payments, report


def add(account: Account | None, payment: tuple[int, int]) -> tuple[Account, Features]:
    """Return the account's state and the features of a payment."""
    account = account or Account()
    return account, account.add(*payment)


def main(path: Path) -> None:
    """Measure one dataflow."""
    keyed = [(account, (at, amount)) for account, at, amount in read_payments(path)]
    found: list[tuple[str, Features]] = []
    flow = Dataflow("history")
    payments = op.input("payments", flow, TestingSource(keyed, batch_size=BATCH))
    op.output("features", op.stateful_map("history", payments, add), TestingSink(found))
    started = time.process_time()
    run_main(flow)
    spent = time.process_time() - started
    report(1e6 * spent / len(keyed), add_up(features for _, features in found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

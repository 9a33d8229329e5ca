"""The same features in the RocksDB state of Quix Streams, which holds values as JSON.

Run: python -m benchmarks.peers.quix.history PAYMENTS.npy
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from quixstreams.state.rocksdb.partition import RocksDBStorePartition

from benchmarks.peers.history import (
    WINDOWS_MS,
    Features,
    Payment,
    measure,
    read_payments,
    report,
)


def add(state: Any, at: int, amount: int) -> Features:
    """Return the features of a payment. The state is the account's payments of 30 days."""
    day_ms, month_ms = WINDOWS_MS
    events = [event for event in state.get("events", []) if event[0] > at - month_ms]
    since = at - events[-1][0] if events else -1
    events.append((at, amount))
    state.set("events", events)
    day = [event[1] for event in events if event[0] > at - day_ms]
    return len(day), sum(day), len(events), sum(event[1] for event in events), since


def main(path: Path) -> None:
    """Measure with a store in a temporary folder; each batch is one transaction of the store."""
    with tempfile.TemporaryDirectory() as folder:
        store = RocksDBStorePartition(str(Path(folder) / "state"))

        def apply(batch: list[Payment]) -> list[Features]:
            transaction = store.begin()
            features = [
                add(transaction.as_state(prefix=account.encode()), at, amount)
                for account, at, amount in batch
            ]
            transaction.prepare()
            transaction.flush()
            return features

        report(*measure(read_payments(path), apply))
        store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

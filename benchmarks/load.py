"""`python -m benchmarks.load RUN LIMIT RATE`: sends LIMIT transactions of creditcard.csv, over and over, and prints the totals.

They are called RUN-0, RUN-1, ... through all laps, so that what became of each is a place in an array.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict

import msgspec

from cli.commands.data import fetched
from cli.support.settings import Settings
from producer.replay import Replay
from producer.rows import Row, Selection, read
from producer.schedule import at_rate


def _numbered(selection: Selection, run: str) -> Iterator[Row]:
    for number, row in enumerate(read(selection, run)):
        yield msgspec.structs.replace(row, transaction_id=f"{run}-{number}")


def main(run: str, limit: str, rate: str) -> None:
    """Sends at `rate` a second (0: as fast as it can) to the cluster that FRAUD_BOOTSTRAP_SERVERS names."""
    settings = Settings.from_environment()
    selection = Selection(fetched(settings, None, quiet=True), limit=int(limit), loop=True)
    totals = Replay(
        settings.connection(), _numbered(selection, run), at_rate(float(rate)), time
    ).run(threading.Event())
    print(json.dumps(asdict(totals)))


if __name__ == "__main__":
    main(*sys.argv[1:])

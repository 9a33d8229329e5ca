"""Send LIMIT transactions, cycling through creditcard.csv, and print the totals as JSON.

Run: python -m benchmarks.harness.load RUN LIMIT RATE [BYTES]

They are numbered RUN-0, RUN-1, ... across all cycles, so a number is an index into an array.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict

import msgspec

from cli.commands.data import fetch
from cli.support.settings import Settings
from payments.schema.reading import DEFAULT, read_schema
from producer.replay import Replay
from producer.rows import Row, Selection, encode_transaction, read
from producer.schedule import at_rate

_FILLER = b',"more":"%b"'


def _number_rows(selection: Selection, run: str, size: int) -> Iterator[Row]:
    for number, row in enumerate(read(selection, run)):
        numbered = msgspec.structs.replace(row, transaction_id=f"{run}-{number}")
        missing = size - len(encode_transaction(numbered)) - len(_FILLER % b"") if size else 0
        if missing > 0:
            filled = row.template[:-1] + _FILLER % (b"x" * missing) + b"}"
            numbered = msgspec.structs.replace(numbered, template=filled)
        yield numbered


def main(run: str, limit: str, rate: str, size: str = "0") -> None:
    """Send `rate` a second (0: as fast as possible) to FRAUD_BOOTSTRAP_SERVERS.

    Fill each up to `size` bytes with a field that the scorer ignores; 0 adds none.
    """
    settings = Settings.from_environment()
    selection = Selection(
        fetch(settings, quiet=True), read_schema(DEFAULT), limit=int(limit), loop=True
    )
    totals = Replay(
        settings.make_connection(),
        _number_rows(selection, run, int(size)),
        at_rate(float(rate)),
        time,
    ).run(threading.Event())
    print(json.dumps(asdict(totals)))


if __name__ == "__main__":
    main(*sys.argv[1:])

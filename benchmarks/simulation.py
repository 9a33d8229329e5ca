"""Measure how many rows a second of CPU time the simulators write.

`python -m benchmarks.simulation [--rows N]` prints a table for docs/simulation.md. Time in the
kernel counts, waiting does not.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from producer.simulation import Parameters, cards, output, simulate

_MIB = 1 << 20


def _write_creditcard(rows: int, path: Path) -> None:
    output.write(simulate(Parameters.load(), rows, seed=1), path)


def _write_cards(rows: int, path: Path) -> None:
    cards.write(cards.simulate(cards.CardOptions(rows)), path)


_WRITERS: dict[str, tuple[Callable[[int, Path], None], str]] = {
    "creditcard, CSV": (_write_creditcard, "made.csv"),
    "cards, CSV": (_write_cards, "made.csv"),
    "cards, Parquet": (_write_cards, "made.parquet"),
}


def main() -> None:
    """Write a file with each simulator and print the rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    print("| schema, format | rows a second of CPU time | MiB |\n|---|---|---|")
    with TemporaryDirectory() as folder:
        for name, (write, file) in _WRITERS.items():
            path = Path(folder) / file
            start = time.process_time()
            write(rows, path)
            rate = rows / (time.process_time() - start)
            print(f"| {name} | {rate:,.0f} | {path.stat().st_size / _MIB:,.0f} |")


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: measures throughput, latency, stages and starts, and writes the report."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated

import typer

from benchmarks.bench import opened
from benchmarks.catalogue import BATCHES, MORE_WORKERS, OURS, SYSTEMS
from benchmarks.live import RATES
from benchmarks.measure import Measurement
from benchmarks.peers.catalogue import PEERS
from benchmarks.results import Results
from cli.app import CommandError
from cli.support.settings import ROOT, Settings
from infra.kafka import BrokerError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Records = Annotated[int, typer.Option(min=20_000, help="Transactions to drain.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")]
WarmUp = Annotated[
    bool, typer.Option(help="First a run that does not count, for the broker's JVM.")
]
_RECORDS = 2_000_000
_QUICK_RECORDS, _QUICK_LIMIT_S, _QUICK_SETTLING_S = 400_000, 10.0, 15.0
_BATCHES_S = 10.0  # sizes of batches are only told from each other: so many seconds of each, not the whole topic
_QUICK = "quick-"


@app.callback()
def _benchmarks() -> None:
    """Measures this system and its peers. Results are kept in bench/results.json under FRAUD_HOME."""


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise typer.BadParameter(
            f"no such system: {', '.join(unknown)}; there are {', '.join(SYSTEMS)}"
        )
    return names


@contextmanager
def _measurement(records: int, runs: int, kind: str = "") -> Iterator[Measurement]:
    with opened() as bench:
        measurement = Measurement(bench, Results(bench.home / f"{kind}results.json"), records, runs)
        measurement.machine()
        yield measurement


@app.command()
def drain(
    systems: Annotated[str, typer.Option(help="Names, with commas between.")] = "ours-1,ours-2",
    records: Records = _RECORDS,
    runs: Runs = 3,
    warm_up: WarmUp = True,
) -> None:
    """Throughput: each system drains the same preloaded topic.

    Example: python -m benchmarks drain --systems ours-2 --runs 1 --records 500000
    """
    names = _names(systems)
    with _measurement(records, runs) as measurement:
        if warm_up:
            measurement.warm_up()
        measurement.drains("drains", names)


@app.command()
def live(
    systems: Annotated[str, typer.Option(help="Names, with commas between.")] = "ours-1,ours-2",
    rates: Annotated[
        str, typer.Option(help="Transactions a second, with commas between.")
    ] = ",".join(map(str, RATES)),
    seconds: Annotated[
        float, typer.Option(min=1, help="How long each rate lasts after its warm-up.")
    ] = 15,
    runs: Runs = 3,
) -> None:
    """Latency: each system at fixed rates, up to the one that it cannot keep up with.

    Example: python -m benchmarks live --systems ours-2 --rates 2000,10000
    """
    names = _names(systems)
    with _measurement(_RECORDS, runs) as measurement:
        measurement.latencies(names, [int(rate) for rate in rates.split(",")], seconds)


@app.command()
def start(runs: Runs = 3) -> None:
    """From the start of a worker to its first prediction, the group there already.

    Example: python -m benchmarks start
    """
    with _measurement(_RECORDS, runs) as measurement:
        measurement.starts()


@app.command()
def stages(
    records: Records = _RECORDS,
    batch: Annotated[int, typer.Option(min=64, help="Records in a batch.")] = 4096,
) -> None:
    """CPU a transaction by stage.

    Example: python -m benchmarks stages --batch 2048
    """
    with _measurement(records, 1) as measurement:
        measurement.stages([batch])


@app.command()
def api(
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement lasts.")] = 15,
    runs: Runs = 3,
) -> None:
    """HTTP: how many POST /predict a second one server answers, and how soon at 1,000 a second.

    Example: python -m benchmarks api --seconds 10 --runs 1
    """
    with _measurement(_RECORDS, runs) as measurement:
        measurement.answers(seconds)


@app.command("all")
def all_(
    quick: Annotated[
        bool, typer.Option("--quick", help="In under 5 minutes: fewer records, one run of each.")
    ] = False,
) -> None:
    """Everything, then the report: docs/performance.md, or with --quick bench/quick-performance.md under FRAUD_HOME.

    Example: python -m benchmarks all --quick
    """
    started, compared = monotonic(), [system.name for system in (*OURS, *PEERS)]
    if quick:
        with _measurement(_QUICK_RECORDS, 1, _QUICK) as measurement:
            measurement.warm_up()
            measurement.drains("drains", compared, _QUICK_LIMIT_S)
            measurement.latencies(["ours-2"], [2_000, 10_000], 5, _QUICK_SETTLING_S)
            measurement.starts()
            measurement.stages([4096])
            measurement.answers(5)
    else:
        with _measurement(_RECORDS, 3) as measurement:
            measurement.warm_up()
            measurement.drains("drains", compared)
            measurement.drains("workers", [system.name for system in (*OURS[:2], *MORE_WORKERS)])
            measurement.drains("batches", [system.name for system in BATCHES], _BATCHES_S)
            measurement.latencies(["ours-1", "ours-2"], RATES, 15)
            measurement.starts()
            measurement.stages([2048, 4096])
            measurement.answers(15)
    report(quick)
    print(f"took {(monotonic() - started) / 60:.1f} minutes")


@app.command()
def report(
    quick: Annotated[bool, typer.Option("--quick", help="Of the quick measurement.")] = False,
) -> None:
    """Write the report of what was measured last.

    Example: python -m benchmarks report
    """
    from benchmarks.report import write  # matplotlib: only the report needs it

    home = Settings.from_environment().home / "bench"
    page = home / f"{_QUICK}performance.md" if quick else ROOT / "docs" / "performance.md"
    write(Results(home / f"{_QUICK if quick else ''}results.json").all(), page)
    print(page)


def main() -> None:
    """Runs one command; an expected error is one line."""
    try:
        app()
    except (BrokerError, CommandError, subprocess.CalledProcessError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

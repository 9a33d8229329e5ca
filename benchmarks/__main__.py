"""Measure throughput, latency, CPU by stage, start-up and the API, and write the report.

Run: python -m benchmarks
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated

import typer

from benchmarks.catalogue import BATCHES, MORE_WORKERS, OURS, SYSTEMS
from benchmarks.harness.bench import KAFKA_PORT, open_bench
from benchmarks.harness.results import Results
from benchmarks.measurements.live import RATES
from benchmarks.measurements.restore import measure_restore
from benchmarks.measurements.sections import Measurement, measure_decoding
from benchmarks.measurements.state import measure_state
from benchmarks.peers.catalogue import PEERS
from cli.errors import CommandError
from cli.support.settings import ROOT, Settings
from infra.kafka import BrokerError
from infra.kafka.launcher import LocalBroker

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

Records = Annotated[int, typer.Option(min=20_000, help="Transactions to drain.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs of each; the report shows the median.")]
Systems = Annotated[str, typer.Option(help="Names, separated by commas.")]
WarmUp = Annotated[
    bool, typer.Option(help="First warm the broker's JVM with a run that does not count.")
]
_RECORDS = 2_000_000
_QUICK_RECORDS = 400_000
_QUICK_LIMIT_S = 10.0
_QUICK_SETTLING_S = 15.0
_BATCHES_S = 10.0  # per batch size: enough to compare them without draining the whole topic
_QUICK = "quick-"
_COMPARED = [system.name for system in (*OURS, *PEERS)]


@app.callback()
def _benchmarks() -> None:
    """Measure this system and its peers. Results go to bench/results.json under FRAUD_HOME."""


def _parse_names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise typer.BadParameter(
            f"no such system: {', '.join(unknown)}; choose from {', '.join(SYSTEMS)}"
        )
    return names


def _find_results(kind: str = "") -> Results:
    return Results(Settings.from_environment().home / "bench" / f"{kind}results.json")


@contextmanager
def _open_measurement(records: int, runs: int, kind: str = "") -> Iterator[Measurement]:
    with open_bench() as bench:
        measurement = Measurement(bench, _find_results(kind), records, runs)
        measurement.describe_machine()
        yield measurement


@app.command()
def drain(
    systems: Systems = "ours-1,ours-2",
    records: Records = _RECORDS,
    runs: Runs = 3,
    warm_up: WarmUp = True,
) -> None:
    """Measure throughput: each system drains the same preloaded topic.

    Example: python -m benchmarks drain --systems ours-2 --runs 1 --records 500000
    """
    names = _parse_names(systems)
    with _open_measurement(records, runs) as measurement:
        if warm_up:
            measurement.warm_up()
        measurement.measure_drains("drains", names)


@app.command()
def live(
    systems: Systems = "ours-1,ours-2",
    rates: Annotated[
        str, typer.Option(help="Transactions a second, separated by commas.")
    ] = ",".join(map(str, RATES)),
    seconds: Annotated[
        float, typer.Option(min=1, help="How long each rate lasts after its warm-up.")
    ] = 15,
    runs: Runs = 3,
) -> None:
    """Measure latency: each system at fixed rates, up to the first one it cannot sustain.

    Example: python -m benchmarks live --systems ours-2 --rates 2000,10000
    """
    names = _parse_names(systems)
    with _open_measurement(_RECORDS, runs) as measurement:
        measurement.measure_latencies(names, [int(rate) for rate in rates.split(",")], seconds)


@app.command()
def start(runs: Runs = 3) -> None:
    """Measure the time from a worker's start to its first prediction, with an existing group.

    Example: python -m benchmarks start
    """
    with _open_measurement(_RECORDS, runs) as measurement:
        measurement.measure_starts()


@app.command()
def sizes(records: Records = _RECORDS, runs: Runs = 3) -> None:
    """Measure throughput by the size of a transaction, with one worker.

    Example: python -m benchmarks sizes --runs 1 --records 100000
    """
    with _open_measurement(records, runs) as measurement:
        measurement.warm_up()
        measurement.measure_sizes()


@app.command()
def stages(
    records: Records = _RECORDS,
    batch: Annotated[int, typer.Option(min=64, help="Records in a batch.")] = 4096,
) -> None:
    """Measure CPU per transaction by stage.

    Example: python -m benchmarks stages --batch 2048
    """
    with _open_measurement(records, 1) as measurement:
        measurement.measure_stages([batch])


@app.command()
def decoder() -> None:
    """Measure the decoder's CPU per byte by a record's size and shape, without Kafka.

    A ratio of 1 is the CPU per byte of a transaction without other fields.

    Example: python -m benchmarks decoder
    """
    measure_decoding(_find_results())


@app.command()
def state(runs: Runs = 5) -> None:
    """Measure what features of history cost in CPU and memory, compared with other systems.

    Example: python -m benchmarks state --runs 3
    """
    measure_state(_find_results(), runs)


@app.command()
def restore(
    quick: Annotated[
        bool, typer.Option("--quick", help="A tenth of the accounts and payments.")
    ] = False,
) -> None:
    """Measure how long a worker takes to rebuild the history of a million accounts.

    Example: python -m benchmarks restore --quick
    """
    home = Settings.from_environment().home
    broker = LocalBroker(home / "bench", KAFKA_PORT, jars_folder=home / "kafka" / "jars")
    broker.start(lambda text: print(text, file=sys.stderr))
    try:
        share = 10 if quick else 1
        measure_restore(
            _find_results(_QUICK if quick else ""),
            broker.bootstrap_servers,
            1_000_000 // share,
            30_000_000 // share,
        )
    finally:
        broker.stop()


@app.command()
def api(
    seconds: Annotated[float, typer.Option(min=1, help="How long each measurement lasts.")] = 15,
    runs: Runs = 3,
) -> None:
    """Measure POST /predict: the rate of one server, and its latency at 1,000 a second.

    Example: python -m benchmarks api --seconds 10 --runs 1
    """
    with _open_measurement(_RECORDS, runs) as measurement:
        measurement.measure_api(seconds)


@app.command("all")
def all_(
    quick: Annotated[
        bool, typer.Option("--quick", help="Take under 5 minutes: fewer records, one run of each.")
    ] = False,
) -> None:
    """Measure everything and write docs/performance.md.

    With --quick, write bench/quick-performance.md under FRAUD_HOME instead.

    Example: python -m benchmarks all --quick
    """
    started = monotonic()
    if quick:
        _measure_quickly()
    else:
        _measure_all()
    report(quick)
    print(f"took {(monotonic() - started) / 60:.1f} minutes")


def _measure_quickly() -> None:
    with _open_measurement(_QUICK_RECORDS, 1, _QUICK) as measurement:
        measurement.warm_up()
        measurement.measure_drains("drains", _COMPARED, _QUICK_LIMIT_S)
        measurement.measure_latencies(["ours-2"], [2_000, 10_000], 5, _QUICK_SETTLING_S)
        measurement.measure_starts()
        measurement.measure_stages([4096])
        measure_decoding(measurement.results)
        measurement.measure_api(5)


def _measure_all() -> None:
    with _open_measurement(_RECORDS, 3) as measurement:
        measurement.warm_up()
        measurement.measure_drains("drains", _COMPARED)
        workers = [system.name for system in (*OURS[:2], *MORE_WORKERS)]
        measurement.measure_drains("workers", workers)
        measurement.measure_drains("batches", [system.name for system in BATCHES], _BATCHES_S)
        measurement.measure_latencies(["ours-1", "ours-2"], RATES, 15)
        measurement.measure_starts()
        measurement.measure_stages([2048, 4096])
        measure_decoding(measurement.results)
        measurement.measure_sizes()
        measurement.measure_api(15)


@app.command()
def report(
    quick: Annotated[bool, typer.Option("--quick", help="Use the quick measurement.")] = False,
) -> None:
    """Write the report of the last measurement.

    Example: python -m benchmarks report
    """
    from benchmarks.report.page import write_report  # needs matplotlib, which the rest does not

    results = _find_results(_QUICK if quick else "")
    home = results.path.parent
    page = home / f"{_QUICK}performance.md" if quick else ROOT / "docs" / "performance.md"
    write_report(results.load(), page)
    print(page)


def main() -> None:
    """Run one command. Print expected errors on one line."""
    try:
        app()
    except (BrokerError, CommandError, subprocess.CalledProcessError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

"""`python -m benchmarks`: measures throughput, latency, stages and starts, and writes the report."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.bench import Bench, opened
from benchmarks.drain import Drained, drain
from benchmarks.results import Results
from benchmarks.systems import SYSTEMS
from benchmarks.topic import preload
from cli.app import CommandError
from infra.kafka import BrokerError

app = typer.Typer(add_completion=False, no_args_is_help=True)

Records = Annotated[int, typer.Option(min=20_000, help="Transactions to drain.")]
Runs = Annotated[int, typer.Option(min=1, help="Runs of each; the median counts.")]
WarmUp = Annotated[bool, typer.Option(help="First a run that does not count, for the broker's JVM.")]


def _drains(bench: Bench, names: list[str], records: int, runs: int, warm_up: bool) -> list[Drained]:
    """Every system in turn, `runs` times over."""
    preload(bench, records)
    if warm_up:
        _say(drain(bench, SYSTEMS["ours-2"], records), "warm-up")
    found = []
    for run in range(1, runs + 1):
        for name in names:
            found.append(drain(bench, SYSTEMS[name], records))
            _say(found[-1], f"run {run}")
    return found


def _say(drained: Drained, run: str) -> None:
    missing = "cut off" if drained.lost is None else f"{drained.lost:,} lost"
    print(
        f"{run}: {drained.system}: {drained.per_second:,.0f} tx/s over {drained.seconds:.1f} s, "
        f"{drained.predictions:,} predictions ({drained.duplicated:,} doubled, {missing}), {drained.alerts:,} alerts; "
        f"CPU {drained.system_cpu_us:.1f} + broker {drained.broker_cpu_us:.1f} us/tx; "
        f"{drained.peak_process_mib:.0f} MiB; first after {drained.first_prediction_s:.1f} s",
        flush=True,
    )


@app.callback()
def _benchmarks() -> None:
    """Measures this system and its peers. Results are kept in bench/results.json under FRAUD_HOME."""


@app.command("drain")
def drain_(
    systems: Annotated[str, typer.Option(help="Names, with commas between.")] = "ours-1,ours-2",
    records: Records = 2_000_000,
    runs: Runs = 3,
    warm_up: WarmUp = True,
) -> None:
    """Throughput: each system drains the same preloaded topic.

    Example: python -m benchmarks drain --systems ours-2 --runs 1 --records 500000
    """
    names = systems.split(",")
    if unknown := [name for name in names if name not in SYSTEMS]:
        raise typer.BadParameter(f"no such system: {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    with opened() as bench:
        drains = _drains(bench, names, records, runs, warm_up)
        Results(bench.home / "results.json").write("drains", list(map(asdict, drains)))


def main() -> None:
    """Runs one command; an expected error is one line."""
    try:
        app()
    except (BrokerError, CommandError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

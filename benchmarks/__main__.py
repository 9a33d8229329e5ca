"""`python -m benchmarks`: measures throughput, latency, stages and starts, and writes the report."""

import sys
from dataclasses import asdict
from typing import Annotated

import typer

from benchmarks.bench import Bench, opened
from benchmarks.drain import Drained, drain
from benchmarks.live import RATES, latencies
from benchmarks.live import start as time_to_first
from benchmarks.results import Results
from benchmarks.stages import profile
from benchmarks.systems import SYSTEMS
from benchmarks.topic import preload
from cli.app import CommandError
from infra.kafka import BrokerError

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)

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


@app.command()
def live(
    systems: Annotated[str, typer.Option(help="Names, with commas between.")] = "ours-1,ours-2",
    rates: Annotated[str, typer.Option(help="Transactions a second, with commas between.")] = ",".join(map(str, RATES)),
    seconds: Annotated[float, typer.Option(min=1, help="How long each rate lasts after its warm-up.")] = 15,
    runs: Runs = 3,
) -> None:
    """Latency: each system at fixed rates, up to the one that it cannot keep up with.

    Example: python -m benchmarks live --systems ours-2 --rates 2000,10000
    """
    with opened() as bench:
        found = []
        for _ in range(runs):
            for name in systems.split(","):
                for at_rate in latencies(bench, SYSTEMS[name], [int(rate) for rate in rates.split(",")], seconds):
                    found.append(asdict(at_rate))
                    print(at_rate, flush=True)
        Results(bench.home / "results.json").write("latencies", found)


@app.command()
def start(runs: Runs = 3) -> None:
    """From the start of a worker to its first prediction, the group there already.

    Example: python -m benchmarks start
    """
    with opened() as bench:
        found = [asdict(time_to_first(bench, SYSTEMS["ours-1"])) for _ in range(runs)]
        print(found)
        Results(bench.home / "results.json").write("starts", found)


@app.command()
def stages(records: Records = 2_000_000, batch: Annotated[int, typer.Option(min=64, help="Records in a batch.")] = 4096) -> None:
    """CPU a transaction by stage.

    Example: python -m benchmarks stages --batch 2048
    """
    with opened() as bench:
        preload(bench, records)
        found = asdict(profile(bench, batch))
        print(found)
        Results(bench.home / "results.json").write("stages", [found])


def main() -> None:
    """Runs one command; an expected error is one line."""
    try:
        app()
    except (BrokerError, CommandError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

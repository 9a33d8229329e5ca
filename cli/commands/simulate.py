"""`fraud simulate`: write transactions that resemble the data, to a CSV or to the topics."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import RUN, app
from cli.commands.replay import (
    Rate,
    ReplayJob,
    Run,
    Speed,
    choose_run_name,
    choose_schedule,
    make_stop_event,
)
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson
from cli.support.parsers import parse_duration
from cli.support.progress import Quiet, make_bar
from cli.support.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producer.simulation import Chunk

# Rows, and accounts: both numbers fit the 64 bits of a pending label (producer.simulation.late).
_MOST = 1_000_000_000


@app.command(rich_help_panel=RUN)
def simulate(
    *,
    rows: Annotated[
        int, typer.Option(min=1, max=_MOST, metavar="NUMBER", help="Number of transactions.")
    ] = 284_807,
    seed: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same bytes.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="CSV to write, with the columns of creditcard.csv."),
    ] = None,
    send: Annotated[
        bool,
        typer.Option(
            "--send", help="Send them to the topic transactions, and their labels later to labels."
        ),
    ] = False,
    fraud_rate: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="Share of frauds. [default: that of the data]"
        ),
    ] = None,
    accounts: Annotated[
        int,
        typer.Option(
            min=0,
            max=_MOST,
            metavar="NUMBER",
            help="Spread them over this many account_ids; 0: no account_id.",
        ),
    ] = 0,
    no_rhythm: Annotated[
        bool,
        typer.Option("--no-rhythm", help="Use the same rate and mixture at every hour of the day."),
    ] = False,
    disturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[:FEATURE]@FROM[..UNTIL][:SIZE]",
            help="Inject a disturbance; see docs/simulation.md. Repeatable.",
        ),
    ] = None,
    rate: Rate = None,
    speed: Speed = None,
    run: Run = None,
    label_delay: Annotated[
        str,
        typer.Option(
            metavar="DURATION", help="Mean delay of the labels, exponentially distributed."
        ),
    ] = "30m",
    no_labels: Annotated[bool, typer.Option("--no-labels", help="Send no labels.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Simulate transactions from a seed, with optional disturbances at given rows or times.

    --rate, --speed, --run, --label-delay and --no-labels belong to --send, which ends
    after the last label.

    Example: fraud simulate --rows 100000 --seed 7 --disturb shift:V14@50000:0.5 --out simulated.csv
    """
    from producer.simulation import Parameters, SimulationOptions, simulate
    from producer.simulation.disturbance import parse

    if (out is None) == (not send):
        raise typer.BadParameter("give either --out FILE.csv or --send")
    options = SimulationOptions(fraud_share=fraud_rate, rhythm=not no_rhythm, accounts=accounts)
    chunks = simulate(
        Parameters.load(), rows, seed, [parse(text) for text in disturb or ()], options
    )
    if out is not None:
        _write(chunks, out, rows, quiet, as_json)
        return
    name = choose_run_name(run)
    mean_s = parse_duration(label_delay)
    schedule = choose_schedule(rate, speed)
    connection = ensure_reachable(Settings.from_environment().make_connection())
    _send(
        chunks,
        ReplayJob(name, connection, schedule, make_stop_event(), quiet, as_json),
        rows,
        None if no_labels else mean_s,
        seed,
    )


def _send(
    chunks: "Iterator[Chunk]", job: ReplayJob, count: int, label_delay_s: float | None, seed: int
) -> None:
    from producer.simulation.late import LateLabels
    from producer.simulation.output import make_rows

    simulated = make_rows(chunks, job.name)
    if label_delay_s is None:
        job.run(simulated, None, count)
        return
    labels = LateLabels(job.connection, job.name, label_delay_s, seed, time, job.stop)
    job.run(labels.follow(simulated), labels, count)


def _write(chunks: "Iterator[Chunk]", out: Path, count: int, quiet: bool, as_json: bool) -> None:
    from producer.simulation.output import write

    with make_bar(quiet) as progress:
        task = progress.add_task("simulating", total=count)
        written = write(chunks, out, lambda done: progress.update(task, completed=done))
    result = {"path": str(out), "rows": written, "bytes": out.stat().st_size}
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        print(f"{out}: {written:,} rows, {result['bytes']:,} bytes")

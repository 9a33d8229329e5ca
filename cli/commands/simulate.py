"""`fraud simulate`: write simulated transactions to a file or to the topics."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

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
from cli.support.options import AsJson, SchemaName
from cli.support.parsers import make_number_parser, parse_duration
from cli.support.progress import Quiet, make_bar
from cli.support.settings import Settings

if TYPE_CHECKING:
    from producer.rows import Row
    from producer.simulation.late import LateLabels

_CREDITCARD = "creditcard"
_CARDS = "cards"
# Rows, and accounts.
_MOST = 1_000_000_000


class _Simulated(NamedTuple):
    """A simulated stream: how to write it to a file, its rows to send, and their labels."""

    write: Callable[[Path, Callable[[int], None]], int]
    make_rows: "Callable[[str], Iterator[Row]]"
    labels: "type[LateLabels]"


@app.command(rich_help_panel=RUN)
def simulate(
    *,
    schema_name: SchemaName = None,
    rows: Annotated[
        int, typer.Option(min=1, max=_MOST, metavar="NUMBER", help="Number of transactions.")
    ] = 284_807,
    seed: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="The same seed gives the same bytes.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV to write, with the columns of the schema. Parquet if the name ends in "
            ".parquet, for cards.",
        ),
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
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of frauds. [default: that of the data; cards: 0.004]",
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
    days: Annotated[
        float | None,
        typer.Option(
            parser=make_number_parser(0.01, 36_500),
            metavar="NUMBER",
            help="Days that the rows take, for cards. [default: 60]",
        ),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
            metavar="TIME",
            help="Start in UTC, for cards. [default: 2025-01-06]",
        ),
    ] = None,
    customers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MOST // 100,
            metavar="NUMBER",
            help="Number of customers, for cards. [default: 0.8 rows a day each]",
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

    For the schema creditcard they resemble the data. For cards they are card payments by customers
    with habits, at merchants with terminals; frauds follow five patterns, whose names are in the
    column fraud_pattern, and become known at labelled_at.

    --rate, --speed, --run, --label-delay and --no-labels belong to --send, which ends
    after the last label.

    Example: fraud simulate --rows 100000 --seed 7 --disturb shift:V14@50000:0.5 --out simulated.csv

    Example: fraud simulate --schema cards --rows 100000 --out cards.csv
    """
    if (out is None) == (not send):
        raise typer.BadParameter("give either --out FILE.csv or --send")
    settings = Settings.from_environment(schema_name=schema_name)
    creditcard: dict[str, Any] = {"--accounts": accounts, "--no-rhythm": no_rhythm}
    cards: dict[str, Any] = {"--days": days, "--start": start, "--customers": customers}
    schema = settings.schema_name
    _check_options(schema, {_CREDITCARD: creditcard, _CARDS: cards})
    if schema == _CARDS:
        options = cards | {"--fraud-rate": fraud_rate}
        simulated = _simulate_cards(rows, seed, disturb or [], options)
    else:
        options = creditcard | {"--fraud-rate": fraud_rate}
        simulated = _simulate_creditcard(rows, seed, disturb or [], options)
    if out is not None:
        _write(simulated, out, rows, quiet, as_json)
        return
    name = choose_run_name(run)
    mean_s = parse_duration(label_delay)
    schedule = choose_schedule(rate, speed)
    connection = ensure_reachable(settings.make_connection())
    _send(
        simulated,
        ReplayJob(name, connection, schedule, make_stop_event(), quiet, as_json),
        rows,
        None if no_labels else mean_s,
        seed,
    )


def _check_options(schema: str, own: dict[str, dict[str, object]]) -> None:
    """Refuse a schema that is not simulated, and options of the other one."""
    if schema not in own:
        raise typer.BadParameter(
            f"simulated schemas are {' and '.join(own)}; add --schema {_CARDS}"
        )
    for other in own.keys() - {schema}:
        for option, value in own[other].items():
            if value:
                raise typer.BadParameter(f"{option} is not for the schema {schema}")


def _simulate_creditcard(
    rows: int, seed: int, disturb: list[str], options: dict[str, Any]
) -> _Simulated:
    from producer.simulation import Parameters, SimulationOptions, simulate
    from producer.simulation.disturbance import parse
    from producer.simulation.late import LateLabels
    from producer.simulation.output import make_rows, write

    chosen = SimulationOptions(
        options["--fraud-rate"], not options["--no-rhythm"], options["--accounts"]
    )
    chunks = simulate(Parameters.load(), rows, seed, [parse(text) for text in disturb], chosen)
    return _Simulated(partial(write, chunks), partial(make_rows, chunks), LateLabels)


def _simulate_cards(
    rows: int, seed: int, disturb: list[str], options: dict[str, Any]
) -> _Simulated:
    from producer.simulation.cards.disturbances import parse
    from producer.simulation.cards.output import write
    from producer.simulation.cards.sending import LateCardLabels, make_rows
    from producer.simulation.cards.simulate import MOST_FRAUDS, CardOptions, simulate

    share = options["--fraud-rate"]
    if share is not None and share > MOST_FRAUDS:
        raise typer.BadParameter(f"{share:g} is too many frauds for cards: at most {MOST_FRAUDS:g}")
    start = options["--start"]
    given = {
        "fraud_share": share,
        "days": options["--days"],
        "start": start and start.replace(tzinfo=UTC),
        "customers": options["--customers"],
    }
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    chunks = simulate(CardOptions(rows, seed, **chosen), [parse(text) for text in disturb])
    return _Simulated(partial(write, chunks), partial(make_rows, chunks), LateCardLabels)


def _send(
    simulated: _Simulated,
    job: ReplayJob,
    count: int,
    label_delay_s: float | None,
    seed: int,
) -> None:
    rows = simulated.make_rows(job.name)
    if label_delay_s is None:
        job.run(rows, None, count)
        return
    labels = simulated.labels(job.connection, job.name, label_delay_s, seed, time, job.stop)
    job.run(labels.follow(rows), labels, count)


def _write(simulated: _Simulated, out: Path, count: int, quiet: bool, as_json: bool) -> None:
    with make_bar(quiet) as progress:
        task = progress.add_task("simulating", total=count)
        written = simulated.write(out, lambda done: progress.update(task, completed=done))
    result = {"path": str(out), "rows": written, "bytes": out.stat().st_size}
    if as_json:
        print(json.dumps(result, allow_nan=False))
    else:
        print(f"{out}: {written:,} rows, {result['bytes']:,} bytes")

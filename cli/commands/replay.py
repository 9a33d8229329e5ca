"""`fraud replay`: send rows of a CSV as transactions on schedule, and optionally their labels."""

import json
import re
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import RUN, app
from cli.commands.data import fetch
from cli.errors import INTERRUPTED, CommandError
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson, Data, SchemaName
from cli.support.parsers import parse_duration, parse_rate
from cli.support.payment_files import announce
from cli.support.progress import Quiet, make_bar, show_bars
from cli.support.settings import Settings
from cli.support.stopping import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from producer.labels import Feed
    from producer.replay import Totals
    from producer.rows import Row
    from producer.schedule import Schedule
    from streams.kafka.connection import Connection

_RATE = 2_000.0

Rate = Annotated[
    float | None,
    typer.Option(
        parser=parse_rate,
        metavar="NUMBER",
        help=f"Transactions per second; 0: as fast as possible. [default: {_RATE:g}]",
    ),
]
Speed = Annotated[
    str | None,
    typer.Option(
        metavar="NUMBER",
        help="Follow the transactions' clock at a multiple of real time, such as 60x.",
    ),
]
Run = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Prefix of every transaction_id. [default: the time]"),
]


def _parse_speed(text: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)x?", text.strip())
    if not match or not float(match[1]):
        raise typer.BadParameter(f"{text!r} is not a speed: try 60x")
    return float(match[1])


def choose_schedule(rate: float | None, speed: str | None) -> "Schedule":
    """Return the schedule of --rate or --speed, which are mutually exclusive."""
    from producer.schedule import at_rate, at_speed

    if speed is None:
        return at_rate(_RATE if rate is None else rate)
    if rate is not None:
        raise typer.BadParameter("--rate and --speed are mutually exclusive")
    return at_speed(_parse_speed(speed))


def choose_run_name(name: str | None) -> str:
    """Return the name given to --run, or one from the time."""
    from producer.rows import RUN_NAME

    run = name or f"r{datetime.now(UTC):%Y%m%dT%H%M%S}"
    if not RUN_NAME.fullmatch(run):
        raise typer.BadParameter(f"--run {run!r}: 1 to 100 letters, digits or . _ : -")
    return run


def make_stop_event() -> threading.Event:
    """Return an event that Ctrl-C and SIGTERM set; a second signal ends the process at once."""
    stop = threading.Event()
    stop_on_signals(stop, lambda number: signal.signal(number, signal.SIG_DFL))
    return stop


def _describe(run: str, totals: "Totals", labels: int | None) -> str:
    parts = [
        f"run {run}: {totals.sent:,} sent, {totals.delivered:,} confirmed in {totals.seconds:.1f} s"
        + ("" if totals.last_row is None else f", up to row {totals.last_row}"),
        f"{totals.offered_per_second:,.0f}/s offered, {totals.achieved_per_second:,.0f}/s achieved",
    ]
    if labels is not None:
        parts.append(f"{labels:,} labels")
    return "; ".join(parts)


@dataclass(frozen=True)
class ReplayJob:
    """Send rows with a progress bar, and print the totals however it ends."""

    name: str
    connection: "Connection"
    schedule: "Schedule"
    stop: threading.Event
    quiet: bool
    as_json: bool

    def run(self, rows: "Iterable[Row]", feed: "Feed | None", total: int | None) -> None:
        """Send the rows, and labels from `feed`.

        Exits with INTERRUPTED if it was stopped; raises the errors of producer.replay.
        """
        from producer.labels import replay_with_labels
        from producer.replay import Replay

        progress = make_bar(self.quiet)
        task = progress.add_task("sending", total=total)

        def on_progress(sent: int) -> None:
            progress.update(task, completed=sent)
            if feed:
                feed.note_sent(sent)

        player = Replay(self.connection, rows, self.schedule, time, on_progress)
        labelled = None
        try:
            with progress:
                if feed:
                    _, labelled = replay_with_labels(player, feed, self.stop)
                else:
                    player.run(self.stop)
        finally:
            if player.totals:  # print even after an error: the records are on the topic
                result = {"run": self.name, **asdict(player.totals), "labels": labelled}
                print(
                    json.dumps(result, allow_nan=False)
                    if self.as_json
                    else _describe(self.name, player.totals, labelled)
                )
        if self.stop.is_set():
            sys.exit(INTERRUPTED)


@app.command(rich_help_panel=RUN)
def replay(
    *,
    data: Data = None,
    schema_name: SchemaName = None,
    first: Annotated[
        int, typer.Option("--from", min=0, metavar="ROW", help="First row, from 0.")
    ] = 0,
    end: Annotated[
        int | None, typer.Option("--to", min=1, metavar="ROW", help="Row to stop before.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="Send at most this many transactions."),
    ] = None,
    rate: Rate = None,
    speed: Speed = None,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end.")] = False,
    disturb: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:FEATURE@FROM[..UNTIL][:SIZE]",
            help="Inject drift: shift:V14@5000:2; see fraud simulate. Repeatable.",
        ),
    ] = None,
    run: Run = None,
    labels: Annotated[
        bool,
        typer.Option(
            "--labels",
            help="Also send each transaction's label to the topic labels, after --label-delay.",
        ),
    ] = False,
    label_delay: Annotated[
        str, typer.Option(metavar="DURATION", help="Delay of the labels.")
    ] = "2s",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Send rows of a file to the topic `transactions` and confirm each delivery.

    Nothing is sent unless all of the rows can be read. --labels needs the schema's label in the
    file, --speed its time, in order.

    Ctrl-C stops cleanly, with exit code 130.

    Example: fraud replay --from 227845 --rate 2000 --labels
    """
    from payments.files.columns import list_needed
    from payments.numbered_names import abbreviate
    from producer.disturbed import disturb as disturb_rows
    from producer.disturbed import make_vocabulary, measure_inputs
    from producer.labels import LabelFeed
    from producer.rows import Selection, read
    from producer.simulation.disturbance import parse

    schedule = choose_schedule(rate, speed)
    name = choose_run_name(run)
    delay_s = parse_duration(label_delay)
    if end is not None and end <= first:
        raise typer.BadParameter("--to must be greater than --from")
    settings = Settings.from_environment(data=data, schema_name=schema_name)
    schema = settings.schema
    label = schema.roles.label
    if labels and label is None:
        raise CommandError(f"the schema {schema.name} has no label: name its column in [roles]")
    path = fetch(settings, quiet)
    time_column = schema.time_column
    without = {time_column: f"no {time_column}, rows are one second apart"}
    announce(path, schema, without=without | ({label: f"no {label}"} if label else {}))
    selection = Selection(path, schema, first, end, limit, loop)
    with show_bars(quiet) as update:
        update("checking the file", 0, 1)
        extent = selection.check(*([label] if label and labels else []), ordered=speed is not None)
    if extent.incomplete:
        needed = [column for column in list_needed(schema) if column != time_column]
        *others, last = abbreviate(needed, schema.columns.values())
        columns = f"{', '.join(others)} or {last}" if others else last
        print(
            f"fraud: rows without a value in {columns}: {extent.incomplete:,}; they are "
            "sent without it, and the scorer rejects them",
            file=sys.stderr,
        )
    rows = read(selection, name)
    if disturb:
        vocabulary = make_vocabulary(schema)
        disturbances = [parse(text, vocabulary) for text in disturb]
        rows = disturb_rows(rows, disturbances, measure_inputs(selection))
    connection = ensure_reachable(settings.make_connection())
    stop = make_stop_event()
    feed = None
    if labels:
        feed = LabelFeed(connection, read(selection, name), schema, delay_s, time, stop)
    job = ReplayJob(name, connection, schedule, stop, quiet, as_json)
    job.run(rows, feed, extent.rows)

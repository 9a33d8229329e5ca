"""`fraud alerts`: the alerts and their reasons, as a table or as lines of JSON."""

import contextlib
import sys
from collections import deque
from collections.abc import Iterable
from datetime import UTC
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cli.app import app
from cli.support.broker import ensure_reachable
from cli.support.terminal import escape, make_console

if TYPE_CHECKING:
    from confluent_kafka import Message

REASONS = 3
_FRAME = 3  # lines of a live table that are no alert: heading, count, cursor
_COLUMNS = {
    "scored at (UTC)": 19,
    "transaction": 24,
    "decision": 8,
    "prob.": 6,
    "amount": 10,
    "exp. loss": 10,
    "pushed by (usual range)": 42,
}
_STYLES = {"block": "bold red", "review": "yellow"}


def reason(item: Any) -> str:
    """One line for one of an alert's reasons."""
    from payments.display import short_name

    low, high = item.usual
    return f"{short_name(item.feature)} {item.value:.4g} ({low:.3g}..{high:.3g}) {item.contribution:+.2f}"


def table(alerts: Iterable[Any], heading: bool) -> Table:
    """The alerts, one below the other. Columns have fixed widths, so tables printed one after the other line up."""
    shown = Table(box=None, show_header=heading, pad_edge=False)
    for name, width in _COLUMNS.items():
        shown.add_column(
            name,
            width=width,
            overflow="fold",
            justify="right" if name in ("prob.", "amount", "exp. loss") else "left",
        )
    for alert in alerts:
        shown.add_row(
            f"{alert.scored_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            escape(alert.transaction_id),
            Text(alert.decision, _STYLES.get(alert.decision, "")),
            f"{alert.probability:.4f}",
            f"{alert.amount:,.2f}",
            f"{alert.expected_loss:,.2f}",
            Text("\n").join(escape(reason(item)) for item in alert.reasons[:REASONS]),
        )
    return shown


def live_table(console: Console, batches: Iterable[list[Any]]) -> None:
    """The newest alerts on top, as many as the terminal has room for, drawn again with each batch. The last one stays on the screen."""
    newest: deque[Any] = deque(maxlen=max(1, (console.height - _FRAME) // REASONS))
    count = 0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for batch in batches:
            newest.extendleft(batch)
            count += len(batch)
            live.update(
                Group(table(newest, heading=True), Text(f"alerts: {count:,}; Ctrl-C ends", "dim")),
                refresh=True,
            )


def compact(value: bytes) -> bytes:
    """An alert's bytes; compacted if the transaction in it goes over several lines."""
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def _decoded(messages: "list[Message]") -> list[tuple[bytes, Any]]:
    """Value and record of each alert; what is none is named on stderr, for anybody may write to a topic."""
    from payments.records import AlertRecord

    alerts = []
    for message in messages:
        try:
            alerts.append(
                (message.value(), msgspec.json.decode(message.value() or b"", type=AlertRecord))
            )
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            print(
                f"fraud: no alert at partition {message.partition()} offset {message.offset()}: {escape(str(error))}",
                file=sys.stderr,
            )
    return alerts


@app.command(name="alerts")
def print_alerts(
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on with new alerts as they come, until Ctrl-C."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One alert a line, as it stands on the topic.")
    ] = False,
    limit: Annotated[
        int, typer.Option(min=0, help="How many of the newest existing alerts to show first.")
    ] = 20,
) -> None:
    """Print alerts with the features that pushed them towards fraud; --follow on a terminal is a live table, the newest on top.

    Example: fraud alerts --follow

    Example: fraud alerts --follow --json | jq .transaction_id
    """
    from cli.support.settings import Settings
    from streams.kafka import newest, reader
    from streams.kafka.topics import ALERTS

    connection = ensure_reachable(Settings.from_environment().connection())
    console = make_console()

    def show(messages: "list[Message]", heading: bool) -> None:
        alerts = _decoded(messages)
        if as_json:
            sys.stdout.buffer.writelines(compact(value) + b"\n" for value, _ in alerts)
            sys.stdout.buffer.flush()
        elif alerts or heading:
            console.print(table((alert for _, alert in alerts), heading))

    messages, end = newest.read_newest(connection, ALERTS, limit)
    with contextlib.suppress(KeyboardInterrupt):
        if follow and not as_json and sys.stdout.isatty():
            batches = chain([messages], reader.follow(connection, ALERTS, end))
            live_table(console, ([alert for _, alert in _decoded(batch)] for batch in batches))
            return
        show(messages, heading=True)
        for batch in reader.follow(connection, ALERTS, end) if follow else ():
            show(batch, heading=False)

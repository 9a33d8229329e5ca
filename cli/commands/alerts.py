"""`fraud alerts`: print alerts and their reasons, as a table or as lines of JSON."""

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

from cli.app import LOOK, app
from cli.support.broker import ensure_reachable
from cli.support.settings import Settings
from cli.support.terminal import escape, make_console

if TYPE_CHECKING:
    from confluent_kafka import Message

REASONS = 3
_FRAME = 3  # lines of a live table besides alerts: heading, count, cursor
_COLUMNS = {
    "scored at (UTC)": 19,
    "transaction": 24,
    "decision": 8,
    "prob.": 6,
    "amount": 10,
    "exp. loss": 10,
    "reasons (typical range)": 42,
}
_STYLES = {"block": "bold red", "review": "yellow"}


def format_reason(item: Any) -> str:
    """Return a reason as one line."""
    from payments.display import short_name

    low, high = item.usual
    typical = f"({low:.3g}..{high:.3g})"
    return f"{short_name(item.feature)} {item.value:.4g} {typical} {item.contribution:+.2f}"


def make_table(alerts: Iterable[Any], heading: bool) -> Table:
    """Return a table of alerts. Column widths are fixed, so that successive tables line up."""
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
            Text("\n").join(escape(format_reason(item)) for item in alert.reasons[:REASONS]),
        )
    return shown


def show_live(console: Console, batches: Iterable[list[Any]]) -> None:
    """Redraw a table of the newest alerts, as many as fit, with each batch.

    It stays on screen at the end.
    """
    newest: deque[Any] = deque(maxlen=max(1, (console.height - _FRAME) // REASONS))
    count = 0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for batch in batches:
            newest.extendleft(batch)
            count += len(batch)
            live.update(
                Group(
                    make_table(newest, heading=True),
                    Text(f"alerts: {count:,}; Ctrl-C to stop", "dim"),
                ),
                refresh=True,
            )


def compact(value: bytes) -> bytes:
    """Return an alert's bytes on one line: compacted if they contain line breaks."""
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def _decode(messages: "list[Message]") -> list[tuple[bytes, Any]]:
    """Return each alert's bytes and record.

    Report on stderr what is not an alert: any client can write.
    """
    from payments.records import AlertRecord

    alerts = []
    for message in messages:
        try:
            alerts.append(
                (message.value(), msgspec.json.decode(message.value() or b"", type=AlertRecord))
            )
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            place = f"partition {message.partition()} offset {message.offset()}"
            print(f"fraud: not an alert at {place}: {escape(str(error))}", file=sys.stderr)
    return alerts


@app.command(name="alerts", rich_help_panel=LOOK)
def print_alerts(
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Keep printing new alerts until Ctrl-C."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one alert per line, as on the topic.")
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=0, metavar="NUMBER", help="Show this many of the newest existing alerts first."
        ),
    ] = 20,
) -> None:
    """Print alerts and the features that raised their scores.

    On a terminal, --follow shows a live table, the newest on top.

    Example: fraud alerts --follow

    Example: fraud alerts --follow --json | jq .transaction_id
    """
    from streams.kafka import newest, reader
    from streams.kafka.topics import ALERTS

    connection = ensure_reachable(Settings.from_environment().connection())
    console = make_console()

    def show(messages: "list[Message]", heading: bool) -> None:
        alerts = _decode(messages)
        if as_json:
            sys.stdout.buffer.writelines(compact(value) + b"\n" for value, _ in alerts)
            sys.stdout.buffer.flush()
        elif alerts or heading:
            console.print(make_table((alert for _, alert in alerts), heading))

    messages, end = newest.read_newest(connection, ALERTS, limit)
    with contextlib.suppress(KeyboardInterrupt):
        if follow and not as_json and sys.stdout.isatty():
            batches = chain([messages], reader.follow(connection, ALERTS, end))
            show_live(console, ([alert for _, alert in _decode(batch)] for batch in batches))
            return
        show(messages, heading=True)
        for batch in reader.follow(connection, ALERTS, end) if follow else ():
            show(batch, heading=False)

"""`fraud alerts`: print alerts and their reasons, as a table or as lines of JSON."""

import contextlib
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.app import LOOK, app
from cli.support.broker import ensure_reachable
from cli.support.options import SchemaName
from cli.support.settings import Settings
from cli.support.terminal import escape, format_utc, make_console

if TYPE_CHECKING:
    from confluent_kafka import Message

    from payments.display import Display
    from payments.masking import Mask
    from streams.kafka.cluster import Offsets
    from streams.kafka.connection import Connection
    from streams.kafka.topic_changes import TopicChanges

REASONS = 3
_LIVE_LINES = 3  # of a live table, besides alerts: heading, count, cursor
_FILE_WIDTH = 160  # columns, in a file or pipe
_COLUMNS = {
    "scored at (UTC)": 19,
    "transaction": 28,
    "decision": 8,
    "prob.": 6,
    "amount": 10,
    "exp. loss": 10,
}  # and their least widths
_ROW = [name for name in _COLUMNS if name != "transaction"]  # with the id below it
_REASONS_COLUMN = "reasons (typical range)"
_REASON_WIDTH = 40
_NUMBERS = ("prob.", "amount", "exp. loss")
_STYLES = {"block": "bold red", "review": "yellow"}


class AlertTexts(NamedTuple):
    """An alert as it is shown: the cells of its row in the order of _COLUMNS, and its reasons."""

    cells: dict[str, Text]
    reasons: list[Text]


def describe_alert(alert: Any, display: "Display") -> AlertTexts:
    """Return an KeptAlertRecord in words, with its texts escaped."""
    from payments.card_numbers import mask_text

    cells = {
        "scored at (UTC)": Text(format_utc(alert.scored_at)),
        "transaction": escape(mask_text(alert.transaction_id)),
        "decision": Text(alert.decision, _STYLES.get(alert.decision, "")),
        "prob.": Text(f"{alert.probability:.4f}"),
        "amount": Text(display.format_amount(alert.amount)),
        "exp. loss": Text(display.format_amount(alert.expected_loss)),
    }
    reasons = [
        Text(escape(format_reason(reason, display)).plain, no_wrap=True, overflow="ellipsis")
        for reason in alert.reasons[:REASONS]
    ]
    return AlertTexts(cells, reasons)


def format_reason(item: Any, display: "Display") -> str:
    """Return a reason as one line."""
    value = display.format_value(item.feature, item.value)
    usual = display.format_usual(item.feature, item.usual)
    if usual and isinstance(item.usual, dict):
        usual += " of legitimate payments"
    compared = f"{value} ({usual})" if usual else value
    return f"{display.shorten_name(item.feature)} {compared} {item.contribution:+.2f}"


def lay_out(alerts: Iterable[AlertTexts], heading: bool, width: int) -> RenderableType:
    """Return a table of alerts for `width` columns.

    Reasons give way: on a narrow terminal, the id and the reasons follow below each alert, and on a
    very narrow one the amounts too. Columns have a least width, so that successive tables line up.
    """
    shown = list(alerts)
    if _measure(shown, _ROW) > width:
        return Group(*_list_lines(shown))
    if not _has_room(shown, width):
        return Group(*_stack(shown, heading))
    table = _make_table([*_COLUMNS, _REASONS_COLUMN], heading)
    for alert in shown:
        table.add_row(*alert.cells.values(), Text("\n").join(alert.reasons))
    return table


def _has_room(alerts: list[AlertTexts], width: int) -> bool:
    """Return whether `width` columns are enough for the reasons next to the other columns."""
    return _measure(alerts, list(_COLUMNS)) + 1 + _REASON_WIDTH <= width


def _count_lines(alerts: list[AlertTexts], width: int) -> int:
    """Return how many lines an alert takes."""
    if _measure(alerts, _ROW) > width:
        return REASONS + 4
    return REASONS if _has_room(alerts, width) else REASONS + 2


def _measure(alerts: list[AlertTexts], names: list[str]) -> int:
    """Return how wide a table of these columns is."""
    widths = (
        max([_COLUMNS[name], *(alert.cells[name].cell_len for alert in alerts)]) for name in names
    )
    return sum(widths) + len(names) - 1


def _stack(alerts: list[AlertTexts], heading: bool) -> Iterator[RenderableType]:
    if heading:
        yield _make_table(_ROW, heading=True)
    for alert in alerts:
        table = _make_table(_ROW, heading=False)
        table.add_row(*(alert.cells[name] for name in _ROW))
        yield table
        yield from map(_indent, (alert.cells["transaction"], *alert.reasons))


def _list_lines(alerts: list[AlertTexts]) -> Iterator[RenderableType]:
    """Yield lines of about 40 columns, with the headings of the amounts."""
    for cells, reasons in alerts:
        yield Text("  ").join(cells[name] for name in ("scored at (UTC)", "decision", "prob."))
        yield _indent(cells["transaction"])
        for name in ("amount", "exp. loss"):
            yield _indent(Text(f"{name} {cells[name].plain}"))
        yield from map(_indent, reasons)


def _indent(line: Text) -> Padding:
    return Padding(line, (0, 0, 0, 2), expand=False)


def _make_table(names: list[str], heading: bool) -> Table:
    table = Table(box=None, show_header=heading, pad_edge=False)
    for name in names:
        table.add_column(
            name,
            min_width=_COLUMNS.get(name),
            no_wrap=True,
            justify="right" if name in _NUMBERS else "left",
        )
    return table


def show_live(console: Console, batches: Iterable[list[AlertTexts]]) -> None:
    """Redraw a table of the newest alerts, as many as fit, with each batch.

    It stays on screen at the end.
    """
    newest: deque[AlertTexts] = deque(maxlen=max(1, (console.height - _LIVE_LINES) // REASONS))
    count = 0
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for batch in batches:
            newest.extendleft(batch)
            count += len(batch)
            lines = _count_lines(list(newest), console.width)
            shown = list(newest)[: max(1, (console.height - _LIVE_LINES) // lines)]
            live.update(
                Group(
                    lay_out(shown, heading=True, width=console.width),
                    Text(f"alerts: {count:,}; Ctrl-C to stop", "dim"),
                ),
                refresh=True,
            )


def format_json(value: bytes, mask: "Mask") -> bytes:
    """Return an alert's bytes on one line, masked."""
    masked = mask.mask_alert_json(value)
    return msgspec.json.format(masked, indent=-1) if b"\n" in masked or b"\r" in masked else masked


class _AlertDecoder:
    """Decodes alerts, and counts what is not one: any client can write to the topic."""

    def __init__(self) -> None:
        from payments.records import KeptAlertRecord

        self._decoder = msgspec.json.Decoder(KeptAlertRecord)
        self._skipped = 0
        self._first = ""

    def decode(self, message: "Message") -> Any | None:
        """Return the alert; None if the record is not one."""
        from payments.records import UNREADABLE, describe_error

        try:
            return self._decoder.decode(message.value() or b"")
        except UNREADABLE as error:
            place = f"partition {message.partition()} offset {message.offset()}"
            self._first = self._first or f"{place}: {describe_error(error)}"
            self._skipped += 1
            return None

    def decode_all(self, messages: "Iterable[Message]") -> list[tuple[bytes, Any]]:
        """Return each alert's bytes and record; say on stderr how many records were skipped."""
        alerts = [
            (message.value() or b"", alert)
            for message in messages
            if (alert := self.decode(message)) is not None
        ]
        if self._skipped:
            skipped = "1 record" if self._skipped == 1 else f"{self._skipped:,} records"
            print(f"fraud: skipped {skipped}: not an alert, such as {self._first}", file=sys.stderr)
        self._skipped = 0
        self._first = ""
        return alerts


@app.command(name="alerts", rich_help_panel=LOOK)
def print_alerts(
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Keep printing new alerts until Ctrl-C."),
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one alert per line, as on the topic but with masked card numbers."
        ),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            min=0, metavar="NUMBER", help="Show this many of the newest existing alerts first."
        ),
    ] = 20,
    schema_name: SchemaName = None,
) -> None:
    """Print alerts and the features that raised their scores.

    On a terminal, --follow shows a live table, the newest on top.

    Example: fraud alerts --follow

    Example: fraud alerts --follow --json | jq .transaction_id
    """
    from payments.display import Display
    from payments.masking import Mask
    from streams.kafka import newest
    from streams.kafka.topic_changes import TopicChanges
    from streams.kafka.topics import ALERTS

    settings = Settings.from_environment(schema_name=schema_name)
    display = Display(settings.schema)
    mask = Mask(settings.schema)
    connection = ensure_reachable(settings.make_connection())
    console = make_console(_FILE_WIDTH)

    decoder = _AlertDecoder()

    def describe(messages: "list[Message]") -> list[AlertTexts]:
        alerts = decoder.decode_all(messages)
        return [describe_alert(mask.mask_alert(alert), display) for _, alert in alerts]

    def show(messages: "list[Message]", heading: bool) -> None:
        if as_json:
            values = (value for value, _ in decoder.decode_all(messages))
            sys.stdout.buffer.writelines(format_json(value, mask) + b"\n" for value in values)
            sys.stdout.buffer.flush()
        elif (alerts := describe(messages)) or heading:
            console.print(lay_out(alerts, heading, console.width))

    changes = TopicChanges(connection, ALERTS)
    messages, end = newest.read_newest(
        connection, ALERTS, limit, lambda message: decoder.decode(message) is not None
    )
    with contextlib.suppress(KeyboardInterrupt):
        if follow and not as_json and sys.stdout.isatty():
            batches = chain([messages], _follow(connection, changes, end))
            show_live(console, map(describe, batches))
            return
        show(messages, heading=True)
        for batch in _follow(connection, changes, end) if follow else ():
            show(batch, heading=False)


def _follow(
    connection: "Connection", changes: "TopicChanges", begin: "Offsets"
) -> "Iterator[list[Message]]":
    """Yield new alerts forever; if the topic is recreated, say so and go on at its beginning."""
    from streams.kafka import reader
    from streams.kafka.errors import TopicRecreatedError
    from streams.kafka.topic_changes import TopicChanges
    from streams.kafka.topics import ALERTS

    while True:
        try:
            yield from filter(None, reader.follow(connection, changes, {ALERTS: begin}))
        except TopicRecreatedError as error:
            print(f"fraud: {error}; its alerts follow from its beginning", file=sys.stderr)
            changes = TopicChanges(connection, ALERTS)
            begin = {}

"""`fraud monitor`: watch the scored stream for drift, window by window."""

import logging
import multiprocessing
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.app import RUN, app
from cli.errors import CommandError
from cli.support.listener import explain_taken
from cli.support.options import ModelFolder, SchemaName
from cli.support.parsers import parse_duration
from cli.support.settings import Settings
from cli.support.stopping import exit_after, stop_on_signals
from drift.detect.verdict import describe_largest, describe_shift, describe_verdict

if TYPE_CHECKING:
    from drift.events import WindowClosed

_JOIN_S = 10.0  # a call to a broker that does not answer may take longer
# The documented limit is 5 s. A broker that does not answer may block a call, and exiting loses
# nothing that is committed.
_EXIT_AFTER_S = 4.5
_MIN_LENGTH = timedelta(seconds=1)


def _parse_window(text: str) -> int | timedelta:
    """Return a number of predictions or a duration."""
    if text.isdecimal() and int(text):
        return int(text)
    length = timedelta(seconds=parse_duration(text))
    if length < _MIN_LENGTH:
        raise typer.BadParameter(f"{text}: use at least 1 prediction or 1s")
    return length


def _format_event(event: "WindowClosed", units: Mapping[str, str]) -> str:
    partial = " (partial)" if event.partial else ""
    if event.score is None:
        return f"window {event.window}{partial}: {event.events:,} events, too few for a verdict"
    verdict = describe_verdict(event.detected, event.score, event.stuck)
    top = f", highest weight {event.top[0].feature}" if event.top else ""
    outliers = "".join(f", {count} outliers in {name}" for name, count in event.outliers.items())
    shifted = describe_shift(event.shifted)
    report = f", {event.report}" if event.report else ""
    return (
        f"window {event.window}{partial}: {event.events:,} events, {verdict}, "
        f"score {event.score:.3f}, {describe_largest(event.distances, units)}"
        f"{top}, severity {event.severity}{shifted}{outliers}{report}"
    )


def _kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()  # it would end by itself, but only when it next reads its pipe


@app.command(rich_help_panel=RUN)
def monitor(
    *,
    window: Annotated[
        Any,
        typer.Option(
            parser=_parse_window,
            metavar="NUMBER|DURATION",
            help="Window size: a number of predictions (5000) or a span of event time (15m).",
        ),
    ] = "5000",
    idle_close: Annotated[
        float,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="Close a partial window after this long without predictions.",
        ),
    ] = "10s",  # type: ignore[assignment]  # parsed
    report_every: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Write a report for every Nth window and for each that drifted.",
        ),
    ] = 10,
    keep_reports: Annotated[
        int,
        typer.Option(
            min=0, metavar="NUMBER", help="Reports to keep, 6 MB each; the oldest are deleted."
        ),
    ] = 50,
    label_horizon: Annotated[
        float,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="How long to wait for a window's labels; at most 2 million are kept, 80 MB.",
        ),
    ] = "24h",  # type: ignore[assignment]  # parsed
    fresh: Annotated[
        bool,
        typer.Option(
            "--fresh", help="Neither compare with earlier windows nor count their labels."
        ),
    ] = False,
    model: ModelFolder = None,
    schema_name: SchemaName = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print each window as JSON, as on drift.events.")
    ] = False,
) -> None:
    """Watch the predictions for drift until SIGTERM or Ctrl-C.

    Each window gets a line, an event and gauges, and a report if it drifted.

    Example: fraud monitor --window 5000 --idle-close 10s
    """
    from drift.labels.join import DecisionReader
    from drift.labels.labelling import MAX_HORIZON_S, Labelling
    from drift.loading import load
    from drift.metrics import DriftMetrics, LabelMetrics, show_card
    from drift.monitor import Monitor
    from drift.reports.process import ReportProcess
    from drift.reports.schedule import ReportSchedule, name_reports_folder
    from streams.kafka.clock import get_utc_now
    from streams.kafka.errors import CommitError
    from streams.status_server import PortTakenError, make_process_registry, serve

    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s monitor: %(message)s",
        stream=sys.stderr,
    )
    if not 0 < label_horizon <= MAX_HORIZON_S:
        raise typer.BadParameter(
            f"--label-horizon: more than 0, at most {MAX_HORIZON_S / 86400:g}d, "
            "because predictions are kept a day longer"
        )
    settings = Settings.from_environment(model_dir=model, schema_name=schema_name)
    connection = settings.make_connection()
    stop = threading.Event()
    registry = make_process_registry()
    directory = settings.model.resolve()  # keep this one even if `latest` moves
    reference, profile = load(directory, settings.schema)
    columns = reference.detector.columns
    metrics = DriftMetrics(registry, columns)
    show_card(registry, profile)
    since = get_utc_now() if fresh else None
    decisions = DecisionReader(connection, settings.schema)
    labelling = Labelling(decisions, LabelMetrics(registry), label_horizon, stop, since=since)

    def on_window_closed(event: "WindowClosed") -> None:
        labelling.record_window(event)
        line = _format_event(event, columns.units)
        print(msgspec.json.encode(event).decode() if as_json else line, flush=True)

    writer = ReportProcess()
    watcher = Monitor(
        connection=connection,
        instance=settings.instance,
        reference=reference,
        profile=profile,
        reports=ReportSchedule(
            writer,
            settings.home,
            name_reports_folder(connection),
            metrics,
            report_every,
            keep_reports,
        ),
        metrics=metrics,
        on_window_closed=on_window_closed,
        size=window,
        idle_close=idle_close,
        since=since,
    )
    try:
        serve(
            registry,
            settings.monitor_port,
            lambda: watcher.ready,
            "FRAUD_MONITOR_PORT",
            settings.metrics_host,
        )
        stop_on_signals(stop, lambda _: exit_after(_EXIT_AFTER_S, _kill_children))
        labelling.start()
        watcher.run(stop)
        if labelling.failure:
            raise labelling.failure
    except PortTakenError as error:
        raise explain_taken(error, settings.home) from None
    except CommitError as error:
        raise CommandError(str(error)) from None
    finally:
        stop.set()
        writer.close()
        if labelling.ident is not None:
            # OpenSSL's cleanup at exit may crash a client that still uses a TLS connection.
            labelling.join(_JOIN_S)

"""`fraud monitor`: windows over the scored stream, watched for drift."""

import logging
import multiprocessing
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.app import app
from cli.errors import CommandError
from cli.support.parsers import parse_duration
from cli.support.stopping import exit_after, stop_on_signals
from drift.detect.verdict import describe_verdict

if TYPE_CHECKING:
    from drift.events import WindowClosed

_LEAVE_S = 10.0  # a call to a broker that does not answer may take longer
_HARD_STOP_S = 4.5  # an exit is promised within 5 s; a broker that does not answer may hold a call, and nothing uncommitted counts

_LEAST = timedelta(seconds=1)


def _window(text: str) -> int | timedelta:
    """A whole number of predictions, or a duration."""
    if text.isdecimal() and int(text):
        return int(text)
    length = timedelta(seconds=parse_duration(text))
    if length < _LEAST:
        raise typer.BadParameter(f"{text}: a window holds one prediction at least, or takes 1s")
    return length


def _sentence(event: "WindowClosed") -> str:
    partial = " (partial)" if event.partial else ""
    if event.score is None:
        return f"window {event.window}{partial}: {event.events:,} events, too few for a verdict"
    farthest = max(event.distances, key=event.distances.__getitem__)
    verdict = describe_verdict(event.detected, event.score, event.stuck)
    weightiest = f", weightiest {event.top[0].feature}" if event.top else ""
    return (
        f"window {event.window}{partial}: {event.events:,} events, {verdict}, score {event.score:.3f}, "
        f"farthest {farthest} at {event.distances[farthest]:.2f} sd{weightiest}, {event.severity}"
        f"{f', {event.report}' if event.report else ''}"
    )


def _kill_children() -> None:
    for child in multiprocessing.active_children():
        child.kill()  # it would end by itself, but only when it next reads its pipe


@app.command()
def monitor(
    *,
    window: Annotated[
        Any,
        typer.Option(
            parser=_window,
            metavar="NUMBER|DURATION",
            help="Predictions in a window, or its event time: 5000, 15m.",
        ),
    ] = "5000",
    idle_close: Annotated[
        float,
        typer.Option(
            parser=parse_duration, metavar="DURATION", help="Silence that closes a partial window."
        ),
    ] = "10s",  # type: ignore[assignment]  # parsed
    report_every: Annotated[
        int,
        typer.Option(
            min=1, help="Write a report every N windows, and always for one that drifted."
        ),
    ] = 10,
    keep_reports: Annotated[
        int, typer.Option(min=0, help="Reports to keep, 6 MB each; the oldest are deleted.")
    ] = 50,
    label_horizon: Annotated[
        float,
        typer.Option(
            parser=parse_duration,
            metavar="DURATION",
            help="How long to wait for a window's labels; two million are held, 80 MB.",
        ),
    ] = "24h",  # type: ignore[assignment]  # parsed
    model: Annotated[
        Path | None,
        typer.Option(help="A model's directory, for its reference; default: the one in use."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One window a line, as it stands on drift.events.")
    ] = False,
) -> None:
    """Watch the predictions for drift until SIGTERM or Ctrl-C: for each window a line, an event and
    gauges; a report where it drifted.

    Example: fraud monitor --window 5000 --idle-close 10s
    """
    from cli.support.settings import Settings
    from drift.labels.labelling import MAX_HORIZON_S, Labelling
    from drift.loading import load
    from drift.metrics import DriftMetrics, LabelMetrics
    from drift.monitor import Monitor
    from drift.reports.process import ReportProcess
    from drift.reports.schedule import ReportSchedule, reports_folder
    from streams.kafka.committer import CommitError
    from streams.status_server import PortTakenError, process_registry, serve

    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(levelname)s monitor: %(message)s",
        stream=sys.stderr,
    )
    if not 0 < label_horizon <= MAX_HORIZON_S:
        raise typer.BadParameter(
            f"--label-horizon: more than 0, at most {MAX_HORIZON_S / 86400:g}d: predictions are kept a day longer"
        )
    settings, stop, registry = Settings.from_environment(), threading.Event(), process_registry()
    directory = (model or settings.model).resolve()  # `latest` may name another one tomorrow
    reference, profile = load(directory)
    connection, metrics = settings.connection(), DriftMetrics(registry)
    labelling = Labelling(connection, LabelMetrics(registry), label_horizon, stop)

    def on_window_closed(event: "WindowClosed") -> None:
        labelling.window_closed(event)
        print(msgspec.json.encode(event).decode() if as_json else _sentence(event), flush=True)

    writer = ReportProcess()
    watcher = Monitor(
        connection=connection,
        instance=settings.instance,
        model=reference,
        profile=profile,
        reports=ReportSchedule(
            writer, settings.home, reports_folder(connection), metrics, report_every, keep_reports
        ),
        metrics=metrics,
        on_window_closed=on_window_closed,
        size=window,
        idle_close=idle_close,
    )
    try:
        serve(
            registry,
            settings.monitor_port,
            lambda: watcher.ready,
            "FRAUD_MONITOR_PORT",
            settings.metrics_host,
        )
        stop_on_signals(stop, lambda _: exit_after(_HARD_STOP_S, _kill_children))
        labelling.start()
        watcher.run(stop)
        if labelling.failure:
            raise labelling.failure
    except (PortTakenError, CommitError) as error:
        raise CommandError(str(error)) from None
    finally:
        stop.set()
        writer.close()
        if labelling.ident is not None:
            # A client that still works on a TLS connection while the process ends may crash it:
            # OpenSSL clears up under its feet.
            labelling.join(_LEAVE_S)

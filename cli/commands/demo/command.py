"""`fraud demo`."""

import json
import sys
from contextlib import ExitStack
from typing import Annotated

import typer
from rich.console import Console

from cli.app import RUN, app
from cli.errors import DONE, FAILED, INTERRUPTED
from cli.support.parsers import parse_rate
from cli.support.progress import Quiet
from cli.support.settings import Settings
from cli.support.terminal import FILE_WIDTH


@app.command(rich_help_panel=RUN)
def demo(
    rate: Annotated[
        float,
        typer.Option(
            parser=parse_rate,
            metavar="NUMBER",
            help="Transactions per second; 0: as fast as possible.",
        ),
    ] = "2000",  # type: ignore[assignment]  # parsed
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated", help="Use simulated transactions instead of creditcard.csv: no download."
        ),
    ] = False,
    drift: Annotated[
        bool,
        typer.Option("--drift", help="Inject drift: shift V4 by 2 sd from the middle on."),
    ] = False,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop everything at the end, even on a terminal.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the summary as JSON, and messages to standard error."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run Kafka, the scorer, the monitor and the API on this machine, and replay test data.

    Replays the last fifth of creditcard.csv and writes demo/summary.json in FRAUD_HOME. Stops what
    it started at the end; on a terminal, keeps it up until Ctrl-C. Exits with 1 if anything was
    lost, duplicated or made up.

    Example: fraud demo --rate 5000 --exit
    """
    from cli.commands.data import fetch
    from cli.commands.demo.job import Job
    from cli.commands.demo.processes import end_children, hold_lock
    from cli.commands.demo.simulated import prepare
    from cli.commands.train import train_model
    from infra.interrupts import Interrupts

    settings = Settings.from_environment()
    width = None if sys.stdout.isatty() else FILE_WIDTH
    console = Console(stderr=as_json, width=width, quiet=quiet)
    interrupts = Interrupts()
    try:
        with hold_lock(settings.home), ExitStack() as stack:
            stack.callback(end_children)  # runs last
            try:
                if simulated:
                    settings, data = prepare(settings, console)
                else:
                    data = fetch(settings, quiet)
                if not settings.model.exists() and settings.model_dir is None:
                    console.print("no model yet: training one")
                    train_model(settings, data, quiet)
                summary = Job(settings, data, rate, drift, interrupts, console).run(stack)
                summary.write(settings.home / "demo" / "summary.json")
                if as_json:
                    print(json.dumps(summary.as_dict(), allow_nan=False))
                else:
                    summary.show(Console(width=width))
                if sys.stdin.isatty() and sys.stdout.isatty() and not leave:
                    # even if quiet: it would seem to hang
                    Console(stderr=as_json).print("everything is up: press Ctrl-C to stop")
                    interrupts.wait()
            finally:
                interrupts.ignore()
                console.print("stopping everything")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(DONE if summary.audit.complete else FAILED)

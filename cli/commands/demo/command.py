"""`fraud demo`."""

import json
import sys
from contextlib import ExitStack
from typing import Annotated

import typer
from rich.console import Console

from cli.app import app
from cli.errors import DONE, FAILED, INTERRUPTED
from cli.support.parsers import parse_rate
from cli.support.progress import Quiet
from cli.support.terminal import FILE_WIDTH


@app.command()
def demo(
    rate: Annotated[
        float,
        typer.Option(
            parser=parse_rate, metavar="NUMBER", help="Transactions a second; 0: as fast as it can."
        ),
    ] = "2000",  # type: ignore[assignment]  # parsed
    simulated: Annotated[
        bool,
        typer.Option(
            "--simulated", help="Simulated transactions in place of creditcard.csv: no download."
        ),
    ] = False,
    drift: Annotated[
        bool,
        typer.Option("--drift", help="Inject drift: from the middle on, V4 is shifted by 2 sd."),
    ] = False,
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop everything at the end, on a terminal too.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="The summary as JSON; whatever else is told goes to standard error."
        ),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Run the main job on this machine: Kafka, model, scorer, monitor, API, and a replay of the last fifth of creditcard.csv.

    What it started is stopped at the end; on a terminal it stays up until Ctrl-C. The summary goes to demo/summary.json in FRAUD_HOME.
    Exit code 1 if anything was lost, duplicated or made up.

    Example: fraud demo --rate 5000 --exit
    """
    from cli.commands.data import fetch
    from cli.commands.demo.job import Job
    from cli.commands.demo.processes import end_children, hold_lock
    from cli.commands.demo.simulated import prepare
    from cli.commands.train import fit
    from cli.support.settings import Settings
    from infra.interrupts import Interrupts

    settings = Settings.from_environment()
    width = None if sys.stdout.isatty() else FILE_WIDTH
    console = Console(stderr=as_json, width=width, quiet=quiet)
    interrupts = Interrupts()
    try:
        with hold_lock(settings.home), ExitStack() as stack:
            stack.callback(end_children)  # the last to run
            try:
                if simulated:
                    settings, data = prepare(settings, console)
                else:
                    data = fetch(settings, None, quiet)
                if not settings.model.exists() and settings.model_dir is None:
                    console.print("there is no model yet: training one")
                    fit(settings, data, quiet)
                summary = Job(settings, data, rate, drift, interrupts, console).run(stack)
                summary.write(settings.home / "demo" / "summary.json")
                if as_json:
                    print(json.dumps(summary.as_dict(), allow_nan=False))
                else:
                    summary.show(Console(width=width))
                if sys.stdin.isatty() and sys.stdout.isatty() and not leave:
                    Console(stderr=as_json).print(
                        "everything is up: Ctrl-C stops it"
                    )  # whatever `quiet` says: it would seem to hang
                    interrupts.wait()
            finally:
                interrupts.ignore()
                console.print("stopping what was started")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(DONE if summary.audit.complete else FAILED)

"""The Typer application that each subcommand adds itself to, and the exit codes."""

import os
from importlib.metadata import version
from typing import Annotated

import typer

from cli.support.settings import DEBUG

DONE, FAILED, USAGE = 0, 1, 2  # and 3, stopped on purpose: streams.scorer.supervisor.DO_NOT_RESTART
INTERRUPTED = 130  # what a shell reports after Ctrl-C

app = typer.Typer(
    name="fraud",
    help="Scores payment transactions for fraud on Apache Kafka: exactly once, with reasons, watched for drift.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class CommandError(Exception):
    """An error that a command expects: one line that says what is wrong and what to do, exit code 1."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"fraud {version('streaming-fraud-scorer')}")
        raise typer.Exit


@app.callback()
def _fraud(
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the trace of an error; FRAUD_DEBUG=1 does the same."),
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if debug:
        os.environ[DEBUG] = "1"  # for the processes that it starts, too

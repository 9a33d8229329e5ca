"""The Typer application that each subcommand adds itself to."""

import os
from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(
    name="fraud",
    help="Score payment transactions for fraud on Apache Kafka: "
    "exactly once, with reasons, watched for drift.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"fraud {version('streaming-fraud-scorer')}")
        raise typer.Exit


@app.callback()
def _fraud(
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the traceback of an error, like FRAUD_DEBUG=1."),
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if debug:
        os.environ["FRAUD_DEBUG"] = "1"  # for the processes it starts, too

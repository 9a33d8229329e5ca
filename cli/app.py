"""The Typer application that each subcommand adds itself to, and the exit codes."""

import typer

DONE, FAILED, USAGE, STOPPED_ON_PURPOSE = 0, 1, 2, 3

app = typer.Typer(
    name="fraud",
    help="Scores payment transactions for fraud on Apache Kafka: exactly once, with reasons, watched for drift.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class CommandError(Exception):
    """An error that a command expects: one line that says what is wrong and what to do, exit code 1."""


@app.callback()
def _fraud() -> None:
    pass  # makes `fraud` a group of commands, however many there are

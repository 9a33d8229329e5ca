"""The `fraud` command: finds the subcommand, and turns an expected error into one line and an exit code."""

import os
import sys

import typer

from cli.settings import SettingsError

app = typer.Typer(
    name="fraud",
    help="Scores payment transactions for fraud on Apache Kafka: exactly once, with reasons, watched for drift.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

DONE, FAILED, USAGE, STOPPED_ON_PURPOSE = 0, 1, 2, 3


def main() -> None:
    """Runs one subcommand. Exit codes: 0 done, 1 failed, 2 bad usage, 3 stopped on purpose (do not restart)."""
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Evidently and others: no telemetry
    try:
        app()
    except SettingsError as error:
        print(f"fraud: {error}", file=sys.stderr)
        sys.exit(USAGE)


if __name__ == "__main__":
    main()

"""The `fraud` command: collects the subcommands, and turns an error into one line and an exit code.

What is imported here is imported inside functions, where Ctrl-C is answered already.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli.errors import FAILED, INTERRUPTED, USAGE, CommandError, SettingsError

if TYPE_CHECKING:
    from typer import Typer, TyperException


def main() -> None:
    """Runs one subcommand. Exit codes: 0 done, 1 failed, 2 bad usage, 3 stopped on purpose (do not restart), 130 Ctrl-C."""
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Evidently and others: no telemetry
    try:
        with _quiet_ctrl_c():
            application = _application()
        # standalone, Typer would print usage errors itself, in a frame of six lines
        code = application(prog_name="fraud", standalone_mode=False) or 0
    except KeyboardInterrupt:  # where no command takes it
        code = INTERRUPTED
    except Exception as error:
        # Ctrl-C amid a call into the Kafka client (2.16) comes out as a SystemError that it has caused
        code = INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else _told(error)
    sys.exit(code)


@contextmanager
def _quiet_ctrl_c() -> Iterator[None]:
    """Ctrl-C ends the program at once: nothing is begun yet that would have to be ended in order."""
    before = signal.getsignal(signal.SIGINT)
    if (
        before is signal.default_int_handler
    ):  # a shell's background jobs ignore it, and so does what they start
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _application() -> "Typer":
    from cli.app import app
    from cli.commands import (  # noqa: F401 - a subcommand adds itself to the application when it is imported
        alerts,
        data,
        demo,
        dlq,
        doctor,
        evaluate,
        explain,
        explore,
        kafka,
        ledger,
        monitor,
        replay,
        report,
        score,
        serve,
        simulate,
        threshold,
        topics,
        train,
    )

    return app


def _told(error: Exception) -> int:
    """Prints the line, and returns the exit code."""
    from typer import TyperException

    from cli.support.settings import ProcessVariables

    if ProcessVariables().debug:
        import traceback

        traceback.print_exception(error)
    line = "; ".join(part.strip() for part in _line(error).splitlines() if part.strip())
    if line:
        print(f"fraud: {line}", file=sys.stderr)
    return USAGE if isinstance(error, SettingsError | TyperException) else FAILED


def _line(error: Exception) -> str:
    from confluent_kafka import KafkaException
    from typer import TyperException

    from drift.errors import DriftError
    from infra.kafka import BrokerError
    from model.errors import ModelError
    from payments.errors import InputError
    from producer.errors import ProducerError
    from streams.kafka.errors import StreamError, refusal

    expected = (
        BrokerError,
        CommandError,
        DriftError,
        InputError,
        ModelError,
        ProducerError,
        SettingsError,
        StreamError,
    )
    if isinstance(error, expected):
        return str(error)
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, KafkaException):
        refused = refusal(error.args[0])
        return str(refused) if refused else _explained(error)
    text = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if text else ''}{text}; `fraud --debug` shows the trace"


def _usage(error: "TyperException") -> str:
    """What Typer says, on one line; nothing where it has printed the help instead, because no command was named."""
    said, context = (
        " ".join(error.format_message().split()).rstrip("."),
        getattr(error, "ctx", None),
    )
    return f"{said}; see `{context.command_path} --help`" if said and context else said


def _explained(failure: Exception) -> str:
    from confluent_kafka import KafkaError

    from cli.support.settings import Settings

    error: KafkaError = failure.args[0]
    if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
        servers = Settings.from_environment().connection().bootstrap_servers
        return f"no broker answers at {servers}: start one with `fraud kafka start`, or set FRAUD_BOOTSTRAP_SERVERS"
    return f"Kafka: {error.str()}"


if __name__ == "__main__":
    main()

"""The `fraud` command: collect the subcommands, and turn errors into one line and an exit code.

Most imports are inside functions, so that Ctrl-C works while they run.
"""

import errno
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.errors import FAILED, INTERRUPTED, USAGE, CommandError, SettingsError

if TYPE_CHECKING:
    from typer import Typer, TyperException


_FILE_ADVICE = {
    errno.EACCES: "change its permissions",
    errno.EPERM: "change its permissions",
    errno.ENOENT: "create it",
    errno.EROFS: "use a disk that can be written",
    errno.ENOTDIR: "a folder above it is a file: rename that",
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
}


def main() -> None:
    """Run a subcommand and exit.

    0: done; 1: failed; 2: bad usage; 3: do not restart, because `fraud score` stopped on purpose or
    a port is in use; 130: Ctrl-C.
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")  # no telemetry from Evidently and others
    try:
        with _quiet_ctrl_c():
            application = _import_app()
        # in standalone mode, Typer would print usage errors in a frame of six lines
        code = application(prog_name="fraud", standalone_mode=False) or 0
    except KeyboardInterrupt:  # not handled by the command
        code = INTERRUPTED
    except Exception as error:
        # Ctrl-C during a call into the Kafka client (2.16) is raised as the cause of a SystemError
        code = INTERRUPTED if isinstance(error.__cause__, KeyboardInterrupt) else _report(error)
    sys.exit(code)


@contextmanager
def _quiet_ctrl_c() -> Iterator[None]:
    """Exit at once on Ctrl-C: nothing that needs cleanup has started yet."""
    before = signal.getsignal(signal.SIGINT)
    # leave SIGINT ignored if it is: a shell does that for background jobs
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _import_app() -> "Typer":
    from cli.app import app

    # a subcommand adds itself to the application when it is imported
    from cli.commands import (  # noqa: F401
        alerts,
        audit_features,
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
        schema,
        score,
        serve,
        simulate,
        threshold,
        topics,
        train,
    )

    return app


def _report(error: Exception) -> int:
    """Print the error as one line, and return the exit code."""
    from typer import TyperException

    from cli.support.settings import ProcessVariables
    from cli.support.terminal import escape

    if ProcessVariables().debug:
        import traceback

        traceback.print_exception(error)
    from payments.schema.reading import SchemaError
    from streams.kafka.errors import TopicMismatchError

    lines = [part.strip() for part in _describe(error).splitlines() if part.strip()]
    if not isinstance(error, SchemaError | TopicMismatchError):  # which have a line for each fault
        lines = ["; ".join(lines)]
    print("\n".join(escape(f"fraud: {line}").plain for line in lines), file=sys.stderr)
    if isinstance(error, SettingsError | TyperException):
        return USAGE
    return error.exit_code if isinstance(error, CommandError) else FAILED


def _describe(error: Exception) -> str:
    from confluent_kafka import KafkaException
    from typer import TyperException

    from drift.errors import DriftError
    from infra.kafka import BrokerError
    from model.errors import ModelError
    from payments.errors import InputError, PaymentFileError
    from producer.errors import ProducerError
    from streams.kafka.errors import StreamError, classify_refusal

    expected = (
        BrokerError,
        CommandError,
        DriftError,
        InputError,
        ModelError,
        PaymentFileError,
        ProducerError,
        SettingsError,
        StreamError,
    )
    if isinstance(error, expected):
        return str(error)
    if isinstance(error, TyperException):
        return _describe_usage(error)
    if isinstance(error, KafkaException):
        refused = classify_refusal(error.args[0])
        return str(refused) if refused else _describe_kafka(error)
    if isinstance(error, OSError) and error.errno in _FILE_ADVICE:
        return _describe_file_error(error)
    text = " ".join(str(error).split())
    return (
        f"{type(error).__name__}{': ' if text else ''}{text}; `fraud --debug` shows the traceback"
    )


def _describe_file_error(error: OSError) -> str:
    """Return what is wrong with a file or a disk, and what to do."""
    from cli.support.settings import Settings

    advice = _FILE_ADVICE[error.errno or 0]
    home = Settings.from_environment().home
    if error.filename is None:  # a write to an open file
        return f"{error.strerror}: {advice} in {home} (FRAUD_HOME) or the temporary folder (TMPDIR)"
    if Path(error.filename).is_relative_to(home):
        advice += ", or set FRAUD_HOME to another folder"
    return f"{error.filename}: {error.strerror}; {advice}"


def _describe_usage(error: "TyperException") -> str:
    """Return Typer's message on one line, with the help to see."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}; see `{context.command_path} --help`" if context else message


def _describe_kafka(failure: Exception) -> str:
    from confluent_kafka import KafkaError

    from cli.support.settings import Settings

    error: KafkaError = failure.args[0]
    # not by `classify`: a broker answers with the other transient codes
    if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
        settings = Settings.from_environment()
        servers = settings.make_connection().bootstrap_servers
        advice = "start one with `fraud kafka start`, or set FRAUD_BOOTSTRAP_SERVERS"
        if settings.given_servers or settings.kafka_config:
            advice = "check the address, and security.protocol in FRAUD_KAFKA_CONFIG"
        return f"no broker answers at {servers}: {advice} ({error.str()})"
    return f"Kafka: {error.str()}"


if __name__ == "__main__":
    main()

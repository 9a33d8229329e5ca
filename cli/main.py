"""The `fraud` command: collects the subcommands, and turns an expected error into one line and an exit code."""

import os
import sys

from confluent_kafka import KafkaException

from cli import (  # noqa: F401 - a subcommand adds itself to the application when it is imported
    alerts,
    data,
    demo,
    kafka,
    ledger,
    monitor,
    replay,
    score,
    topics,
    train,
)
from cli.app import FAILED, USAGE, CommandError, app
from cli.settings import SettingsError
from drift.errors import DriftError
from infra.kafka import BrokerError
from model.errors import ModelError
from producer.errors import ProducerError
from streams.cluster import ReadingError
from streams.topics import TopicError


def main() -> None:
    """Runs one subcommand. Exit codes: 0 done, 1 failed, 2 bad usage, 3 stopped on purpose (do not restart)."""
    os.environ.setdefault("DO_NOT_TRACK", "1")  # Evidently and others: no telemetry
    try:
        app()
    except SettingsError as error:
        print(f"fraud: {error}", file=sys.stderr)
        sys.exit(USAGE)
    except (BrokerError, CommandError, DriftError, ModelError, ProducerError, ReadingError, TopicError) as error:
        print(f"fraud: {error}", file=sys.stderr)
        sys.exit(FAILED)
    except KafkaException as error:
        print(f"fraud: Kafka: {error.args[0].str()}", file=sys.stderr)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()

"""The `fraud` command: collects the subcommands, and turns an expected error into one line and an exit code."""

import os
import sys

from confluent_kafka import KafkaError, KafkaException

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
from cli.settings import Settings, SettingsError
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
        print(f"fraud: {_explained(error.args[0])}", file=sys.stderr)
        sys.exit(FAILED)


def _explained(error: KafkaError) -> str:
    if error.code() in (KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN):
        servers = Settings.from_environment().connection().bootstrap_servers
        return f"no broker answers at {servers}: start one with `fraud kafka start`, or set FRAUD_BOOTSTRAP_SERVERS"
    return f"Kafka: {error.str()}"


if __name__ == "__main__":
    main()

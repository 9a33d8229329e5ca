"""Run the `fraud` commands."""

import os
import sys

from streams.kafka.connection import Connection

FRAUD = [sys.executable, "-m", "cli.main"]


def make_environment(connection: Connection, **changes: str) -> dict[str, str]:
    """Return a command's environment for this cluster and topic prefix, and `changes`.

    The model is the one that `make test` trained.
    """
    own = {
        "FRAUD_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "FRAUD_TOPIC_PREFIX": connection.topic_prefix,
    }
    return os.environ | own | changes

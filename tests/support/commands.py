"""Run the `fraud` commands."""

import os
import subprocess
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


def run_on(connection: Connection, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Run a `fraud` command on this cluster until it ends; its output is text."""
    return subprocess.run(
        [*FRAUD, *arguments],
        env=make_environment(connection, **changes),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

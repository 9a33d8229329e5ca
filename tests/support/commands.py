"""Run the `fraud` commands."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.kafka.connection import Connection
from support.paths import ROOT

FRAUD = [sys.executable, "-m", "cli.main"]


def _name_cluster(connection: Connection) -> dict[str, str]:
    return {
        "FRAUD_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "FRAUD_TOPIC_PREFIX": connection.topic_prefix,
    }


def make_environment(connection: Connection, **changes: str) -> dict[str, str]:
    """Return a command's environment for this cluster and topic prefix, and `changes`.

    The model is the one that `make test` trained.
    """
    return os.environ | _name_cluster(connection) | changes


def set_environment(
    monkeypatch: pytest.MonkeyPatch, connection: Connection, **changes: str
) -> None:
    """Set the variables of this cluster and `changes` in this process."""
    for name, value in (_name_cluster(connection) | changes).items():
        monkeypatch.setenv(name, value)


@contextlib.contextmanager
def start(
    arguments: list[str], variables: dict[str, str], **options: Any
) -> Iterator[subprocess.Popen]:
    """Run a `fraud` command until the block ends, with its output as text in pipes."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*FRAUD, *arguments], env=variables, cwd=ROOT, **(streams | options))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run(
    command: Sequence[str | Path], *, check: bool = False, **options: Any
) -> subprocess.CompletedProcess:
    """Run a program until it ends; its output is text."""
    own = {"capture_output": True, "text": True, "timeout": 120}
    return subprocess.run(command, check=check, **(own | options))


def run_on(connection: Connection, *arguments: str, **changes: str) -> subprocess.CompletedProcess:
    """Run a `fraud` command on this cluster until it ends; its output is text."""
    return run([*FRAUD, *arguments], env=make_environment(connection, **changes), cwd=ROOT)

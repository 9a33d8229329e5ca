"""Scorers in processes of their own, as `fraud score` runs them, and what tests do to them."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil

from cli.support.settings import Settings
from streams.kafka.connection import Connection
from support import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]


def environment(connection: Connection, **changes: str) -> dict[str, str]:
    """A command's environment for this cluster and prefix, with the model that `make test` trained."""
    own = {
        "FRAUD_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "FRAUD_TOPIC_PREFIX": connection.topic_prefix,
    }
    return os.environ | own | changes


class Scorer:
    """A supervisor and its workers."""

    def __init__(self, process: subprocess.Popen, port: int, workers: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.workers = workers
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def pids(self) -> list[int]:
        """The worker processes that are up now."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.Error):  # dead, and not yet noticed
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def stopped(self) -> list[int]:
        """The worker processes that SIGSTOP holds."""
        return [pid for pid in self.pids() if psutil.Process(pid).status() == psutil.STATUS_STOPPED]

    def page(self, worker: int, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self.port + worker}{path}", timeout=5) as answer:
            return answer.read().decode()

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the scorer ended with exit code {self.process.returncode}")
        return all(self.ready_workers())

    def ready_workers(self) -> list[bool]:
        """What the page of each worker says; one that does not answer is not ready."""
        return [self._ready(worker) for worker in range(self.workers)]

    def _ready(self, worker: int) -> bool:
        with contextlib.suppress(OSError):
            return self.page(worker, "/ready") == "ready\n"
        return False

    def stop(self, timeout: float = 20) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextlib.contextmanager
def scorer(
    connection: Connection,
    workers: int = 1,
    command: list[str] | None = None,
    wait: bool = True,
    port: int | None = None,
    **changes: str,
) -> Iterator[Scorer]:
    """Runs `fraud score`, or another command that takes its arguments, until the block ends; ready when it begins.

    Unless FRAUD_HOME is among the changes it is a folder of its own, for `make watch` not to look for it later.
    """
    port = port or free_port_range(workers)
    arguments = [
        *(command or [sys.executable, "-m", "cli.main", "score"]),
        "--workers",
        str(workers),
        "--metrics-port",
        str(port),
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "scorer.log"
        if "FRAUD_HOME" not in changes:
            changes = {
                "FRAUD_HOME": folder,
                "FRAUD_MODEL_DIR": str(Settings.from_environment().model),
            } | changes
        with log.open("wb") as output:
            process = subprocess.Popen(
                arguments,
                env=environment(connection, **changes),
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )
        started = Scorer(process, port, workers, log)
        try:
            if wait:
                wait_for(started.ready, 60, "the scorer is ready")
            yield started
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            sys.stdout.write(started.log)  # pytest shows it where the test fails


def free_port_range(count: int) -> int:
    """A port from which on `count` are free, as far as a look can tell."""
    while True:
        first = free_port()
        with contextlib.suppress(OSError, OverflowError):
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
            return first

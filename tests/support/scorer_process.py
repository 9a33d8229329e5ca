"""Run `fraud score` in processes that tests can query and stop."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil

from cli.support.settings import Settings
from streams.kafka.connection import Connection
from support.commands import FRAUD, make_environment
from support.paths import ROOT
from support.ports import find_free_port
from support.waiting import wait_for

# In the supervisor's log. test_supervisor.py shows that it writes them, so their absence means
# something.
DIED = "ended with exit code"
RESTARTING = "restarting it"


class ScorerProcess:
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
        """Return the ids of the workers that run now."""
        found = []
        for child in psutil.Process(self.process.pid).children():
            # it may have died before the supervisor noticed
            with contextlib.suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    found.append(child.pid)
        return found

    def stopped(self) -> list[int]:
        """Return the ids of the workers that SIGSTOP has stopped."""
        return [pid for pid in self.pids() if psutil.Process(pid).status() == psutil.STATUS_STOPPED]

    def page(self, worker: int, path: str) -> str:
        """Return a page of a worker's status server."""
        with urlopen(f"http://127.0.0.1:{self.port + worker}{path}", timeout=5) as answer:
            return answer.read().decode()

    def ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the scorer ended with exit code {self.process.returncode}")
        return all(self.ready_workers())

    def ready_workers(self) -> list[bool]:
        """Return whether each worker is ready; one that does not answer is not."""
        return [self._ready(worker) for worker in range(self.workers)]

    def _ready(self, worker: int) -> bool:
        with contextlib.suppress(OSError):
            return self.page(worker, "/ready") == "ready\n"
        return False

    def kill(self, victims: list[int]) -> None:
        """Kill workers by their ids, and wait until others have taken their places."""
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        wait_for(
            lambda: not {*victims} & {*self.pids()} and len(self.pids()) == self.workers,
            30,
            "they are restarted",
        )

    def stop(self, timeout: float = 20) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout)


@contextlib.contextmanager
def run_scorer(
    connection: Connection,
    workers: int = 1,
    command: list[str] | None = None,
    wait: bool = True,
    port: int | None = None,
    **changes: str,
) -> Iterator[ScorerProcess]:
    """Run `fraud score`, or a `command` with the same arguments, until the block ends.

    With `wait`, the block begins when all workers are ready. Unless `changes` sets FRAUD_HOME, it
    is a temporary folder, so that `make watch` does not look for this scorer later.
    """
    port = port or find_free_port(following=workers - 1)
    arguments = [
        *(command or [*FRAUD, "score"]),
        "--workers",
        str(workers),
        "--metrics-port",
        str(port),
    ]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "scorer.log"
        if "FRAUD_HOME" not in changes:
            model = str(Settings.from_environment().model)
            changes = {"FRAUD_HOME": folder, "FRAUD_MODEL_DIR": model} | changes
        with log.open("wb") as output:
            process = subprocess.Popen(
                arguments,
                env=make_environment(connection, **changes),
                stdout=output,
                stderr=output,
                cwd=ROOT,
            )
        started = ScorerProcess(process, port, workers, log)
        try:
            if wait:
                wait_for(started.ready, 60, "the scorer is ready")
            yield started
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            process.kill()
            sys.stdout.write(started.log)  # pytest shows it if the test fails

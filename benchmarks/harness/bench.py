"""The environment of every benchmark: a broker, the dataset, the model, and child processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from cli.commands.data import fetch
from cli.errors import CommandError
from cli.support.settings import ROOT, Settings
from infra.kafka.launcher import LocalBroker
from infra.processes import end_trees
from streams.kafka import topic_admin
from streams.kafka.connection import Connection

DRAIN = "drain."
LIVE = "live."
KAFKA_PORT = 29092  # not the port of a demo that may be running
METRICS_PORT = 39101
_STOP_S = 8  # a worker promises 5
_SHOWN_LOG_BYTES = 3000


class BenchError(CommandError):
    """A benchmark cannot continue; the text says what failed."""


@dataclass(frozen=True)
class Bench:
    """One machine, one broker, one model.

    `home` holds everything that is written: data, logs, environments, results.
    """

    home: Path
    data: Path
    model: Path
    broker: LocalBroker

    def make_connection(self, prefix: str) -> Connection:
        """Return a connection to the bench's cluster, for topics under `prefix`."""
        return Connection(self.broker.bootstrap_servers, prefix)

    def environment(self, prefix: str) -> dict[str, str]:
        """Return the environment variables for a `fraud` command or a peer."""
        return {
            **{k: value for k, value in os.environ.items() if not k.startswith("FRAUD_")},
            "PYTHONPATH": str(ROOT),
            "FRAUD_HOME": str(self.home),
            "FRAUD_DATA": str(self.data),
            "FRAUD_MODEL_DIR": str(self.model),
            "FRAUD_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "FRAUD_TOPIC_PREFIX": prefix,
            "FRAUD_METRICS_PORT": str(METRICS_PORT),
        }

    def log(self, name: str) -> Path:
        """Return the log file of the process `name`, creating its folder."""
        path = self.home / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def find_broker_process(self) -> psutil.Process:
        """Return the running broker. Raises BenchError if it has exited."""
        process = self.broker.find_process()
        if process is None:
            raise BenchError(f"Kafka has exited; see {self.broker.log}")
        return process

    @contextmanager
    def run(
        self, name: str, command: list[str], environment: Mapping[str, str]
    ) -> Iterator[psutil.Popen]:
        """Run a command in a new session; stop it and all of its children on exit."""
        with self.log(name).open("wb") as log:
            process = _start(command, environment, log)
            try:
                yield process
            finally:
                _stop(process)

    def check_running(self, process: psutil.Popen, name: str) -> None:
        """Raise BenchError with the end of the log if the process has exited."""
        if process.poll() is not None:
            end = self.log(name).read_bytes()[-_SHOWN_LOG_BYTES:].decode(errors="replace")
            raise BenchError(f"{name} exited with code {process.returncode}:\n{end}")

    def start_sender(
        self, prefix: str, run: str, limit: int, rate: float = 0, size: int = 0
    ) -> "subprocess.Popen[bytes]":
        """Start a process that sends `limit` transactions `<run>-0`, `<run>-1`, ...

        Each has at least `size` bytes. The process prints its totals as JSON.
        """
        numbers = map(str, (limit, rate, size))
        command = [sys.executable, "-m", "benchmarks.harness.load", run, *numbers]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=self.environment(prefix),
            cwd=ROOT,
        )


def _start(command: list[str], environment: Mapping[str, str], log: BinaryIO) -> psutil.Popen:
    return psutil.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )


def _stop(process: psutil.Popen) -> None:
    with suppress(psutil.NoSuchProcess):
        # `copies` and `pathway spawn` do not end their children on SIGTERM
        children = process.children(recursive=True)
        end_trees([process.pid, *(child.pid for child in children)], _STOP_S)


@contextmanager
def open_bench(port: int = KAFKA_PORT) -> Iterator[Bench]:
    """Start the broker, create the topics under `drain.` and `live.`, and keep existing data.

    SIGTERM unwinds like Ctrl-C: a system left running would write into the next measurement.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    settings = Settings.from_environment()
    data = fetch(settings, quiet=False)
    model = settings.model.resolve()
    if not model.is_dir():
        raise BenchError(f"no model in {settings.model}; run: fraud train")
    home = settings.home / "bench"
    broker = LocalBroker(home, port, jars_folder=settings.home / "kafka" / "jars")
    broker.start(lambda text: print(text, file=sys.stderr))
    try:
        bench = Bench(home, data, model, broker)
        for prefix in (DRAIN, LIVE):
            topic_admin.create(bench.make_connection(prefix))
        yield bench
    finally:
        broker.stop()

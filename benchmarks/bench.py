"""What every benchmark stands on: a broker of its own, the dataset, the model in use, and processes that end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import psutil

from cli.app import CommandError
from cli.commands.data import fetched
from cli.support.settings import ROOT, Settings
from infra.kafka.launcher import LocalBroker
from streams.kafka import topics
from streams.kafka.connection import Connection

KAFKA_PORT = 29092  # not the one of a demo that may be up
METRICS_PORT = 39101
_STOP_S = 8  # a worker promises 5
_SHOWN_LOG_BYTES = 3000


class BenchError(CommandError):
    """A benchmark that cannot go on; the text says what failed."""


@dataclass(frozen=True)
class Bench:
    """One machine, one broker, one model. `home` holds everything that is written: data, logs, environments, results."""

    home: Path
    data: Path
    model: Path
    broker: LocalBroker

    def connection(self, prefix: str) -> Connection:
        """The bench's own cluster, under a prefix of names."""
        return Connection(self.broker.bootstrap_servers, prefix)

    def environment(self, prefix: str) -> dict[str, str]:
        """The variables that a `fraud` command or a peer is started with."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("FRAUD_")},
            "PYTHONPATH": str(ROOT),
            "FRAUD_HOME": str(self.home),
            "FRAUD_DATA": str(self.data),
            "FRAUD_MODEL_DIR": str(self.model),
            "FRAUD_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "FRAUD_TOPIC_PREFIX": prefix,
            "FRAUD_METRICS_PORT": str(METRICS_PORT),
        }

    def log(self, name: str) -> Path:
        """Where a process's output goes."""
        path = self.home / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def broker_process(self) -> psutil.Process:
        """The running broker. Raises BenchError when it is gone."""
        process = self.broker.process()
        if process is None:
            raise BenchError(f"Kafka has ended; see {self.broker.log}")
        return process

    @contextmanager
    def running(
        self, name: str, command: list[str], environment: Mapping[str, str]
    ) -> Iterator[psutil.Popen]:
        """A process in a session of its own, so that all that it starts is ended with it."""
        with self.log(name).open("wb") as log:
            process = _start(command, environment, log)
            try:
                yield process
            finally:
                _end(process)

    def check(self, process: psutil.Popen, name: str) -> None:
        """Raises BenchError with the end of its log when the process has ended."""
        if process.poll() is not None:
            end = self.log(name).read_bytes()[-_SHOWN_LOG_BYTES:].decode(errors="replace")
            raise BenchError(f"{name} ended with exit code {process.returncode}:\n{end}")

    def load(self, prefix: str, run: str, limit: int, rate: float = 0) -> "subprocess.Popen[bytes]":
        """Starts sending `limit` transactions `<run>-0`, `<run>-1`, ... in a process of its own; its output is their totals as JSON."""
        command = [sys.executable, "-m", "benchmarks.load", run, str(limit), str(rate)]
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


def _end(process: psutil.Popen) -> None:
    try:
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for member in family:
            if member.is_running():
                member.send_signal(number)
        _, family = psutil.wait_procs(family, _STOP_S)


@contextmanager
def opened(port: int = KAFKA_PORT) -> Iterator[Bench]:
    """The bench with its broker running and the topics under `drain.` and `live.` there. The data of the last time are kept.

    SIGTERM leaves by the same way as Ctrl-C, or a system that was running would write into the next measurement.
    """
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    settings = Settings.from_environment()
    data = fetched(settings, None, quiet=False)
    model = settings.model.resolve()
    if not model.is_dir():
        raise BenchError(f"there is no model in {settings.model}; run: fraud train")
    home = settings.home / "bench"
    broker = LocalBroker(home, port, jars_folder=settings.home / "kafka" / "jars")
    broker.start(lambda text: print(text, file=sys.stderr))
    try:
        bench = Bench(home, data, model, broker)
        for prefix in (DRAIN, LIVE):
            topics.create(bench.connection(prefix))
        yield bench
    finally:
        broker.stop()


DRAIN, LIVE = "drain.", "live."

"""The three programs, by their Debian packages: how each is started on 127.0.0.1, with its data in a folder of ours."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from infra import demo_ports
from infra.kafka import ports


class Program(NamedTuple):
    """A program; its name is that of its Debian package and of the service that comes with it."""

    name: str
    port: int
    variable: str
    arguments: tuple[str, ...]

    @property
    def ready_url(self) -> str:
        """Answers 200 when the program is up."""
        return f"http://127.0.0.1:{self.port}/{'' if self.name == 'prometheus-node-exporter' else '-/ready'}"

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        """In a session of its own: Ctrl-C reaches us alone, and we end it in order."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                [self.name, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def programs(folder: Path, environment: Mapping[str, str]) -> list[Program]:
    """Node exporter, Alertmanager, Prometheus: configuration (infra.watch.configuration) and data below `folder`. Raises ValueError."""
    node = demo_ports.read_port(environment, "FRAUD_NODE_EXPORTER_PORT")
    alertmanager = demo_ports.read_port(environment, "FRAUD_ALERTMANAGER_PORT")
    prometheus = demo_ports.read_port(environment, "FRAUD_PROMETHEUS_PORT")
    return [
        Program(
            "prometheus-node-exporter",
            node,
            "FRAUD_NODE_EXPORTER_PORT",
            (f"--web.listen-address=127.0.0.1:{node}",),
        ),
        Program(
            "prometheus-alertmanager",
            alertmanager,
            "FRAUD_ALERTMANAGER_PORT",
            (
                f"--config.file={folder}/alertmanager/alertmanager.yml",
                f"--storage.path={folder}/data/alertmanager",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",  # one of it: nobody to talk to
            ),
        ),
        Program(
            "prometheus",
            prometheus,
            "FRAUD_PROMETHEUS_PORT",
            (
                f"--config.file={folder}/prometheus/prometheus.yml",
                f"--storage.tsdb.path={folder}/data/prometheus",
                f"--web.listen-address=127.0.0.1:{prometheus}",
            ),
        ),
    ]


def problems(wanted: list[Program]) -> Iterator[str]:
    """A line for each program that is missing and each port that another one holds."""
    missing = [program.name for program in wanted if not shutil.which(program.name)]
    if missing:
        yield f"{', '.join(missing)}: not installed (Debian, Ubuntu: apt install {' '.join(missing)})"
    for program in wanted:
        if ports.is_taken(program.port):
            yield (
                f"port {program.port} is held by another program, maybe the system's own {program.name} "
                f"(sudo systemctl disable --now {program.name}); end it, or set {program.variable} to another port"
            )

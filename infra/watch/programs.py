"""Start Prometheus, Alertmanager and node exporter, by their Debian packages, on 127.0.0.1."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from infra import demo_ports
from infra.kafka import ports


class Program(NamedTuple):
    """A program, named like its Debian package and that package's service."""

    name: str
    port: int
    variable: str
    arguments: tuple[str, ...]

    @property
    def ready_url(self) -> str:
        """The URL that answers 200 once the program is up."""
        path = "" if self.name == "prometheus-node-exporter" else "-/ready"
        return f"http://127.0.0.1:{self.port}/{path}"

    def start(self, log: Path) -> "subprocess.Popen[bytes]":
        """Start it in a new session, which Ctrl-C does not reach."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            return subprocess.Popen(
                [self.name, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )


def list_programs(folder: Path, environment: Mapping[str, str]) -> list[Program]:
    """Return node exporter, Alertmanager and Prometheus, with configuration and data in `folder`.

    infra.watch.configuration writes the configuration. Raises ValueError.
    """
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
                "--cluster.listen-address=",  # no cluster
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


def find_problems(wanted: list[Program]) -> Iterator[str]:
    """Yield a line for each program that is missing and each port in use."""
    missing = [program.name for program in wanted if not shutil.which(program.name)]
    if missing:
        names = ", ".join(missing)
        yield f"{names}: not installed (Debian, Ubuntu: apt install {' '.join(missing)})"
    for program in wanted:
        if ports.is_taken(program.port):
            yield (
                f"port {program.port} is in use by another program, "
                f"perhaps the system's {program.name} "
                f"(sudo systemctl disable --now {program.name}); "
                f"stop it, or set {program.variable} to another port"
            )

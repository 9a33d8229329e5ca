"""Run Prometheus, node exporter and Grafana for the demo, from the images in docker-compose.yml.

They use the host's network, because everything listens on 127.0.0.1, so they run on Linux only.
They and their data are removed when the demo ends. The demo does not need them: one that cannot run
is reported and skipped.
"""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from infra import commands, demo_ports
from infra.image.ready import is_ready
from infra.kafka import engine, ports
from infra.watch import configuration

IMAGES = {
    "node-exporter": "prom/node-exporter:v1.9.1",
    "prometheus": "prom/prometheus:v3.5.0",
    "grafana": "grafana/grafana:12.0.2",
}
"""By service in docker-compose.yml."""
_TIMEOUT_S = 60
_RIGHTS = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges:true",
    "--network=host",
)


class Container(NamedTuple):
    """A container: options of docker run, arguments of its program, and its health-check path."""

    service: str
    port: int
    variable: str
    health: str
    options: tuple[str, ...]
    arguments: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Return whether it is up."""
        return is_ready(self.port, self.health)


class Containers:
    """The containers of a `home`. Raises ValueError if a variable is not a port."""

    def __init__(
        self, home: Path, environment: Mapping[str, str], say: Callable[[str], None]
    ) -> None:
        self._folder = home.resolve() / "demo" / "watch"
        self._project = engine.name_project(self._folder)
        self._environment = environment
        self._say = say
        self._wanted = list(_list_containers(self._folder, environment))
        self._begun = False
        self._started: list[Container] = []

    @property
    def password(self) -> Path:
        """The file with the password of Grafana's user `admin`."""
        return self._folder / "grafana-password"

    def start(self) -> None:
        """Start each container whose image is available and whose port is free.

        No-op without Docker.
        """
        if sys.platform != "linux" or not engine.answers():
            return
        node, prometheus, _ = self._wanted
        targets = configuration.list_service_targets(self._environment) | {
            "node": [node.url.removeprefix("http://")],
            "alertmanager": [],
        }
        configuration.write(self._folder, targets, configuration.DEFAULT_WEBHOOK)
        configuration.write_grafana(self._folder, prometheus.url)
        if not self.password.exists():
            unfinished = self.password.with_suffix(".part")
            unfinished.touch(mode=0o600)
            unfinished.write_text(secrets.token_urlsafe(18))
            unfinished.replace(self.password)
        self._begun = True
        self._remove()  # left by a killed demo
        can_pull = True
        for container in self._wanted:
            image = IMAGES[container.service]
            present = engine.has_image(image)
            if not present and can_pull:
                self._say(f"pulling {image}")
                can_pull = engine.pull_image(image)  # after one failure, don't try the others
                present = can_pull
            if not present:
                self._skip(container, f"{image} could not be pulled; later: docker pull {image}")
            elif ports.is_taken(container.port):
                self._skip(
                    container,
                    f"port {container.port} is in use; set {container.variable} to another port",
                )
            elif self._run(container, image):
                self._started.append(container)
                self._say(f"{container.service}: {container.url}{self._format_login(container)}")

    def _skip(self, container: Container, reason: str) -> None:
        self._say(f"{container.service}: skipped: {reason}")

    def list_addresses(self) -> dict[str, str]:
        """Return the addresses of those that answer; report those that do not."""
        answering = {}
        for container in self._started:
            if container.answers():
                answering[container.service] = container.url + self._format_login(container)
            else:
                self._say(
                    f"{container.service} does not answer; see: docker logs {self._name(container)}"
                )
        return answering

    def stop(self) -> None:
        """Remove the containers and their data."""
        if self._begun:
            self._remove()
            self._started.clear()

    def _format_login(self, container: Container) -> str:
        return (
            f", user admin, password in {self.password}" if container.service == "grafana" else ""
        )

    def _name(self, container: Container) -> str:
        return f"{self._project}-{container.service}"

    def _run(self, container: Container, image: str) -> bool:
        user = f"--user={os.getuid()}:{os.getgid()}"  # the configuration is ours to read
        options = (
            "--detach",
            f"--name={self._name(container)}",
            user,
            *_RIGHTS,
            *container.options,
        )
        done = _run_docker("run", *options, image, *container.arguments)
        if done.returncode:
            last = done.stderr.strip().rpartition("\n")[2]
            self._skip(container, f"docker run failed: {last}")
        return not done.returncode

    def _remove(self) -> None:
        _run_docker("rm", "--force", *map(self._name, self._wanted))


def _run_docker(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = ("docker", *arguments)
    try:
        return commands.run(*command, stderr=subprocess.PIPE, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {_TIMEOUT_S} s")


def _list_containers(folder: Path, environment: Mapping[str, str]) -> Iterator[Container]:
    node = demo_ports.read_port(environment, "FRAUD_NODE_EXPORTER_PORT")
    yield Container(
        "node-exporter",
        node,
        "FRAUD_NODE_EXPORTER_PORT",
        "/",
        ("--pid=host", "--volume=/:/host:ro"),
        (f"--web.listen-address=127.0.0.1:{node}", "--path.rootfs=/host"),
    )
    prometheus = demo_ports.read_port(environment, "FRAUD_PROMETHEUS_PORT")
    yield Container(
        "prometheus",
        prometheus,
        "FRAUD_PROMETHEUS_PORT",
        "/-/ready",
        (f"--volume={folder}/prometheus:/etc/prometheus:ro", "--tmpfs=/prometheus"),
        (
            "--config.file=/etc/prometheus/prometheus.yml",
            "--storage.tsdb.path=/prometheus",
            f"--web.listen-address=127.0.0.1:{prometheus}",
        ),
    )
    grafana = demo_ports.read_port(environment, "FRAUD_GRAFANA_PORT")
    settings = {
        "SERVER_HTTP_ADDR": "127.0.0.1",
        "SERVER_HTTP_PORT": str(grafana),
        "SECURITY_ADMIN_PASSWORD__FILE": "/secrets/password",
        "AUTH_ANONYMOUS_ENABLED": "false",
        "USERS_ALLOW_SIGN_UP": "false",
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
        "ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
    }
    yield Container(
        "grafana",
        grafana,
        "FRAUD_GRAFANA_PORT",
        "/api/health",
        (
            *(f"--env=GF_{name}={value}" for name, value in settings.items()),
            f"--volume={folder}/grafana/provisioning:/etc/grafana/provisioning:ro",
            f"--volume={folder}/grafana/dashboards:/etc/grafana/dashboards:ro",
            f"--volume={folder}/grafana-password:/secrets/password:ro",
            "--tmpfs=/var/lib/grafana",
        ),
    )

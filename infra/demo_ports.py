"""Default ports, and those that the demo listens on: each is free, or named together with the variable that changes it."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import json
import os
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple  # noqa: UP035 - collections.abc's take no parameter in Python 3.8

from infra.kafka import ports

SCORER_WORKERS = 2
DEFAULTS = {
    "FRAUD_KAFKA_PORT": 9092,
    "FRAUD_API_PORT": 8000,
    "FRAUD_MONITOR_PORT": 8001,
    "FRAUD_METRICS_PORT": 9101,
    "FRAUD_PROMETHEUS_PORT": 9090,
    "FRAUD_ALERTMANAGER_PORT": 9093,
    "FRAUD_NODE_EXPORTER_PORT": 9100,
    "FRAUD_GRAFANA_PORT": 3000,
}


class Port(NamedTuple):
    """A port, the variable that changes it, and who listens there."""

    number: int
    variable: str
    use: str


def kafka_ports(environment: Mapping[str, str], controller: bool) -> Iterator[Port]:
    """Kafka's ports; inside a container the `controller` needs none of this machine's. Raises ValueError."""
    port = read_port(environment, "FRAUD_KAFKA_PORT", following=3)
    yield Port(port, "FRAUD_KAFKA_PORT", "Kafka")
    if controller:
        yield Port(
            ports.controller_port(port),
            "FRAUD_KAFKA_PORT",
            "Kafka's controller, FRAUD_KAFKA_PORT + 3",
        )


def service_ports(environment: Mapping[str, str]) -> Iterator[Port]:
    """The ports of the API, the monitor and the scorer. Raises ValueError."""
    yield Port(read_port(environment, "FRAUD_API_PORT"), "FRAUD_API_PORT", "API")
    yield Port(read_port(environment, "FRAUD_MONITOR_PORT"), "FRAUD_MONITOR_PORT", "monitor")
    metrics = read_port(environment, "FRAUD_METRICS_PORT", following=SCORER_WORKERS - 1)
    for worker in range(SCORER_WORKERS):
        yield Port(
            metrics + worker,
            "FRAUD_METRICS_PORT",
            f"scorer worker {worker}, FRAUD_METRICS_PORT + {worker}",
        )


def find_collisions(wanted: list[Port]) -> Iterator[str]:
    """A line for each port that two of them would listen on."""
    holders: dict[int, Port] = {}
    for port in wanted:
        holder = holders.setdefault(port.number, port)
        if holder is not port:
            variables = " or ".join(dict.fromkeys((holder.variable, port.variable)))
            yield f"port {port.number} is meant for two ({holder.use}; {port.use}); set {variables} to another port"


def find_taken(wanted: list[Port], home: Path) -> Iterator[str]:
    """A line for each port that another program holds; what an earlier demo of this home left behind does not count."""
    left_over = set(_left_over(home))
    for port in wanted:
        if port.number not in left_over and ports.is_taken(port.number):
            yield f"port {port.number} ({port.use}) is taken by another program; end that, or set {port.variable} to another port"


def read_port(environment: Mapping[str, str], name: str, following: int = 0) -> int:
    """The port that a variable names, else its default, with `following` more above it. Raises ValueError."""
    text = environment.get(name) or str(DEFAULTS[name])
    if not text.isdecimal() or not 0 < int(text) < 65536 - following:
        raise ValueError(f"{name}={text} is not a port, 1 to {65535 - following}")
    return int(text)


def _left_over(home: Path) -> Iterator[int]:
    """Ports held by what an earlier run started: the demo ends that, or uses it."""
    for process in _read(home / "demo" / "processes.json") or ():
        if _ours(process["pid"]):
            yield from process["ports"]
    for note in ("local.json", "container.json"):
        broker = _read(home / "kafka" / note)
        if broker and ("pid" not in broker or _ours(broker["pid"])):
            yield from (broker["port"], ports.controller_port(broker["port"]))


def _ours(pid: int) -> bool:
    """Whether a process of this user has the pid: as much as the standard library can tell everywhere."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None

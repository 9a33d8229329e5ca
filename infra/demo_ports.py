"""Default ports, and checks that the demo's ports are free."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import json
import os
from pathlib import Path

# collections.abc's take no parameter in Python 3.8
from typing import Any, Iterator, Mapping, NamedTuple  # noqa: UP035

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
    """A port, the variable that sets it, and its use."""

    number: int
    variable: str
    use: str


def list_kafka_ports(environment: Mapping[str, str], controller: bool) -> Iterator[Port]:
    """Yield Kafka's ports. `controller`: not needed for a container. Raises ValueError."""
    port = read_port(environment, "FRAUD_KAFKA_PORT", following=3)
    yield Port(port, "FRAUD_KAFKA_PORT", "Kafka")
    if controller:
        yield Port(
            ports.derive_controller_port(port),
            "FRAUD_KAFKA_PORT",
            "Kafka's controller, FRAUD_KAFKA_PORT + 3",
        )


def list_service_ports(environment: Mapping[str, str]) -> Iterator[Port]:
    """Yield the ports of the API, the monitor and the scorer. Raises ValueError."""
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
    """Yield a line for each port with two uses."""
    holders: dict[int, Port] = {}
    for port in wanted:
        holder = holders.setdefault(port.number, port)
        if holder is not port:
            variables = " or ".join(dict.fromkeys((holder.variable, port.variable)))
            yield (
                f"port {port.number} has two uses ({holder.use}; {port.use}); "
                f"set {variables} to another port"
            )


def find_taken(wanted: list[Port], home: Path) -> Iterator[str]:
    """Yield a line for each port in use, except by what an earlier demo in `home` left running."""
    left_over = set(_find_left_over(home))
    for port in wanted:
        if port.number not in left_over and ports.is_taken(port.number):
            yield (
                f"port {port.number} ({port.use}) is in use by another program; "
                f"stop it, or set {port.variable} to another port"
            )


def read_port(environment: Mapping[str, str], name: str, following: int = 0) -> int:
    """Return the port set by a variable, or its default.

    `following`: how many ports above it are needed too. Raises ValueError.
    """
    text = environment.get(name) or str(DEFAULTS[name])
    if not text.isdecimal() or not 0 < int(text) < 65536 - following:
        raise ValueError(f"{name}={text} is not a port, 1 to {65535 - following}")
    return int(text)


def _find_left_over(home: Path) -> Iterator[int]:
    """Yield the ports of what an earlier run left: the demo ends it, or uses it."""
    for process in _read(home / "demo" / "processes.json") or ():
        if _is_ours(process["pid"]):
            yield from process["ports"]
    for note in ("local.json", "container.json"):
        broker = _read(home / "kafka" / note)
        if broker and ("pid" not in broker or _is_ours(broker["pid"])):
            yield from (broker["port"], ports.derive_controller_port(broker["port"]))


def _is_ours(pid: int) -> bool:
    """Return whether this user has a process with the pid."""
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

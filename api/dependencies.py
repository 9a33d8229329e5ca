"""The dependencies of the routes: built by `fraud serve` or a test, passed to `create_app`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from prometheus_client import CollectorRegistry

from api.publisher import Publisher
from model.alert import ScoringModel
from model.manifest import ReasonPattern
from streams.kafka.connection import Connection


@dataclass(frozen=True)
class Dependencies:
    """Everything that routes depend on.

    `clock` returns the time in UTC. `home` is FRAUD_HOME. `registry` is where metrics are declared.
    `workers` is the host of the scorer's workers and the port of the first one's metrics page.
    Alerts and drift from before `since` are not shown; None: all are.
    `patterns` of reasons are the model's.
    """

    model: ScoringModel
    connection: Connection
    publisher: Publisher
    clock: Callable[[], datetime]
    home: Path
    registry: CollectorRegistry
    workers: tuple[str, int] = ("127.0.0.1", 9101)
    since: datetime | None = None
    patterns: Sequence[ReasonPattern] = ()


def get_dependencies(request: Request) -> Dependencies:
    """Return the dependencies of the application that answers `request`."""
    dependencies: Dependencies = request.app.state.dependencies
    return dependencies


FromApp = Annotated[Dependencies, Depends(get_dependencies)]
"""The type of a route parameter that takes the dependencies."""

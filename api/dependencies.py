"""What the pages of the API work with: one frozen object, made by `fraud serve` (or a test) and carried by the application."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fastapi import Request
from prometheus_client import CollectorRegistry

from api.publisher import Publisher
from model.alert import ScoringModel
from streams.kafka.connection import Connection


@dataclass(frozen=True)
class Dependencies:
    """The collaborators of every page. `home`: FRAUD_HOME; `clock`: the time, in UTC; `registry`: where metrics are declared.

    `workers`: the host of the scorer's workers, and the port of the first one's metrics page.
    """

    model: ScoringModel
    connection: Connection
    publisher: Publisher
    clock: Callable[[], datetime]
    home: Path
    registry: CollectorRegistry
    workers: tuple[str, int] = ("127.0.0.1", 9101)


def get_dependencies(request: Request) -> Dependencies:
    """The dependencies of the application that answers `request`; also a FastAPI dependency."""
    found: Dependencies = request.app.state.dependencies
    return found

"""Background threads of the API: one fills the alert store, one reads the workers' metrics."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request

from api import worker_metrics
from api.alert_feed import AlertFeed
from api.alert_store import AlertStore
from api.dependencies import Dependencies
from api.throughput import Throughput

_JOIN_S = 2.0  # an unresponsive broker may hold a call for longer; the threads are daemons


@dataclass(frozen=True)
class Background:
    """State shared by the threads and the routes.

    `stop` ends the threads and the streams to clients, which would otherwise never end.
    """

    store: AlertStore
    feed: AlertFeed
    throughput: Throughput = field(default_factory=Throughput)
    stop: threading.Event = field(default_factory=threading.Event)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the threads with the application and stop them with it."""
    dependencies: Dependencies = app.state.dependencies
    store = AlertStore(dependencies.model.decoder.schema)
    background = Background(
        store, AlertFeed(dependencies.connection, store, dependencies.registry, dependencies.since)
    )

    def watch() -> None:
        worker_metrics.watch(
            background.throughput,
            lambda: worker_metrics.read(*dependencies.workers),
            lambda: dependencies.clock().timestamp(),
            background.stop,
        )

    threads = [
        threading.Thread(target=background.feed.run, args=(background.stop,), daemon=True),
        threading.Thread(target=watch, daemon=True),
    ]
    app.state.background = background
    for thread in threads:
        thread.start()
    yield
    background.stop.set()
    for thread in threads:
        thread.join(_JOIN_S)


def end_streams(app: FastAPI) -> None:
    """End the alert streams, so that the server can stop. No-op before the application started."""
    background: Background | None = getattr(app.state, "background", None)
    if background is not None:
        background.stop.set()


async def get_background(request: Request) -> Background:
    """Return the background state of the application that answers `request`."""
    background: Background = request.app.state.background
    return background


RunningBackground = Annotated[Background, Depends(get_background)]
"""The type of a route parameter that takes the background state."""


async def get_alert_store(background: RunningBackground) -> AlertStore:
    """Return the store once loaded.

    Raises HTTPException 503 until then, so that clients don't mistake loading for empty.
    """
    if not background.feed.loaded.is_set():
        problem = f": {background.feed.problem}" if background.feed.problem else ""
        raise HTTPException(503, f"the alerts are still being read{problem}")
    return background.store


LoadedStore = Annotated[AlertStore, Depends(get_alert_store)]
"""The type of a route parameter that takes the alert store."""

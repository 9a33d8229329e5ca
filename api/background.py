"""What runs beside the requests: the store and what fills it, the vitals and what reads them."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI, HTTPException, Request

from api import worker_metrics
from api.alert_feed import Feed
from api.alert_store import AlertStore
from api.dependencies import Dependencies
from api.throughput import Throughput

_JOIN_S = 2.0  # a broker that does not answer may hold a call for longer; the threads are daemons


@dataclass(frozen=True)
class Background:
    """The store, its feed, and the throughput. `stop` ends its threads, and the streams to clients, which would never end by themselves."""

    store: AlertStore
    feed: Feed
    throughput: Throughput = field(default_factory=Throughput)
    stop: threading.Event = field(default_factory=threading.Event)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Starts the threads with the application, and stops them with it."""
    dependencies: Dependencies = app.state.dependencies
    store = AlertStore()
    background = Background(store, Feed(dependencies.connection, store))

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
    """Lets go of the clients that follow alerts, so that the server can stop. Before the application has started there are none."""
    background: Background | None = getattr(app.state, "background", None)
    if background is not None:
        background.stop.set()


def get_background(request: Request) -> Background:
    """What runs beside the application that answers `request`."""
    found: Background = request.app.state.background
    return found


def get_alert_store(request: Request) -> AlertStore:
    """The store, once it shows what is on the topics; 503 until then, for an empty list would be a lie."""
    background = get_background(request)
    if not background.feed.loaded.is_set():
        raise HTTPException(
            503,
            f"the alerts are still being read{': ' if background.feed.problem else ''}{background.feed.problem or ''}",
        )
    return background.store

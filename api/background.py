"""What runs beside the requests: the desk and what fills it, the vitals and what reads them."""

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI, HTTPException, Request

from api import worker_metrics
from api.alert_feed import Feed
from api.alert_store import Desk
from api.dependencies import Services
from api.throughput import Vitals

_JOIN_S = 2.0  # a broker that does not answer may hold a call for longer; the threads are daemons


@dataclass(frozen=True)
class Live:
    """The desk, its feed, and the vitals. `stop` ends its threads, and the streams to clients, which would never end by themselves."""

    desk: Desk
    feed: Feed
    vitals: Vitals = field(default_factory=Vitals)
    stop: threading.Event = field(default_factory=threading.Event)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Starts the threads with the application, and stops them with it."""
    services: Services = app.state.services
    desk = Desk()
    live = Live(desk, Feed(services.connection, desk))

    def watch() -> None:
        worker_metrics.watch(
            live.vitals,
            lambda: worker_metrics.read(*services.workers),
            lambda: services.clock().timestamp(),
            live.stop,
        )

    threads = [
        threading.Thread(target=live.feed.run, args=(live.stop,), daemon=True),
        threading.Thread(target=watch, daemon=True),
    ]
    app.state.live = live
    for thread in threads:
        thread.start()
    yield
    live.stop.set()
    for thread in threads:
        thread.join(_JOIN_S)


def end_streams(app: FastAPI) -> None:
    """Lets go of the clients that follow alerts, so that the server can stop. Before the application has started there are none."""
    live: Live | None = getattr(app.state, "live", None)
    if live is not None:
        live.stop.set()


def live_of(request: Request) -> Live:
    """What runs beside the application that answers `request`."""
    found: Live = request.app.state.live
    return found


def desk_of(request: Request) -> Desk:
    """The desk, once it shows what is on the topics; 503 until then, for an empty list would be a lie."""
    live = live_of(request)
    if not live.feed.loaded.is_set():
        raise HTTPException(
            503,
            f"the alerts are still being read{': ' if live.feed.problem else ''}{live.feed.problem or ''}",
        )
    return live.desk

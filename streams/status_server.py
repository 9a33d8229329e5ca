"""Serves a process's /metrics for Prometheus, /health (it runs) and /ready (it works)."""

import errno
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    make_asgi_app,
)

from streams.http_limits import LimitedProtocol

_STOP_S = 2.0
_BACKLOG = 2048  # connections that wait for the event loop

LOCAL = "127.0.0.1"


class PortTakenError(OSError):
    """The port is in use or not allowed."""

    def __init__(self, port: int, message: str) -> None:
        super().__init__(message)
        self.port = port


def make_process_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process: CPU, memory, files, garbage collection."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


def check_port(port: int, setting: str, host: str = LOCAL) -> None:
    """Raise PortTakenError unless `serve` can listen on `host`:`port`."""
    listen(port, setting, host).close()


def listen(port: int, setting: str, host: str = LOCAL) -> socket.socket:
    """Return a socket that listens on `host`:`port`.

    Raises PortTakenError, which names `setting`, the variable or option that changes the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", error)
        code = getattr(error, "errno", 0)
        if code in errno.errorcode:
            reason = os.strerror(code)  # without the address, which create_server appends
        at = "" if host == LOCAL else f" of {host}"
        raise PortTakenError(
            port, f"port {port}{at} cannot be used ({reason}); choose another with {setting}"
        ) from None


def serve(
    registry: CollectorRegistry,
    port: int,
    ready: Callable[[], bool],
    setting: str,
    host: str = LOCAL,
    healthy: Callable[[], bool] = lambda: True,
) -> Callable[[], None]:
    """Serve on `host`:`port` in a background thread; return a function that stops the server.

    Raises PortTakenError.
    """
    listening = listen(port, setting, host)
    config = uvicorn.Config(
        _create_app(registry, {"/health": healthy, "/ready": ready}),
        http=LimitedProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],), name="http", daemon=True)
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(_STOP_S)
        listening.close()

    return stop


def _create_app(
    registry: CollectorRegistry, checks: dict[str, Callable[[], bool]]
) -> Callable[..., Awaitable[None]]:
    metrics = make_asgi_app(registry)

    async def serve_page(scope: dict[str, Any], receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/metrics":
            await metrics(scope, receive, send)
            return
        if path not in checks:
            status = 404
            text = b"there are /metrics, /health and /ready\n"
        elif checks[path]():
            status = 200
            text = b"ready\n" if path == "/ready" else b"ok\n"
        else:
            status = 503
            text = b"not ready\n" if path == "/ready" else b"no progress\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": text})

    return serve_page

"""Serves a process's /metrics for Prometheus, /health (it runs) and /ready (it works)."""

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    make_wsgi_app,
)

LOCAL = "127.0.0.1"


class PortTakenError(OSError):
    """The port is in use or not allowed."""


def make_process_registry() -> CollectorRegistry:
    """Return a registry with the metrics of the process: CPU, memory, files, garbage collection."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Don't log scrapes."""


def check_port(port: int, setting: str, host: str = LOCAL) -> None:
    """Raise PortTakenError unless `serve` can listen on `host`:`port`."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        raise _port_taken(port, setting, error) from None


def _port_taken(port: int, setting: str, error: Exception) -> PortTakenError:
    reason = getattr(error, "strerror", error)
    return PortTakenError(f"port {port} cannot be used ({reason}); choose another with {setting}")


def serve(
    registry: CollectorRegistry,
    port: int,
    ready: Callable[[], bool],
    setting: str,
    host: str = LOCAL,
    healthy: Callable[[], bool] = lambda: True,
) -> Callable[[], None]:
    """Serve on `host`:`port` in a background thread; return a function that stops the server.

    Raises PortTakenError, which names `setting`, the variable or option that changes the port.
    """
    metrics = make_wsgi_app(registry)
    checks = {"/health": healthy, "/ready": ready}

    def serve_page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]  # untyped
        if path not in checks:
            status = "404 Not Found"
            text = b"there are /metrics, /health and /ready\n"
        elif checks[path]():
            status = "200 OK"
            text = b"ready\n" if path == "/ready" else b"ok\n"
        else:
            status = "503 Service Unavailable"
            text = b"not ready\n" if path == "/ready" else b"no progress\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text]

    try:
        server = make_server(
            host, port, serve_page, server_class=_Server, handler_class=_QuietHandler
        )
    except (OSError, OverflowError) as error:
        raise _port_taken(port, setting, error) from None
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop

"""A process's own page: /metrics for Prometheus, /health (it runs) and /ready (it works)."""

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
    """The port is somebody else's."""


def process_registry() -> CollectorRegistry:
    """A registry that already tells of the process itself: CPU, memory, files, collections."""
    registry = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        registry.register(collector)
    return registry


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_address = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Scrapes are no news."""


def serve(
    registry: CollectorRegistry,
    port: int,
    ready: Callable[[], bool],
    setting: str,
    host: str = LOCAL,
) -> Callable[[], None]:
    """Serves from a thread of its own; returns what stops it. `host`: the address to listen on.

    Raises PortTakenError, which names the port and `setting`, the variable or option that changes it.
    """
    metrics = make_wsgi_app(registry)

    def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]  # the library leaves it open
        answers = {
            "/health": (True, b"ok\n"),
            "/ready": (ready(), b"ready\n" if ready() else b"not ready\n"),
        }
        good, text = answers.get(path, (None, b"there are /metrics, /health and /ready\n"))
        status = {True: "200 OK", False: "503 Service Unavailable", None: "404 Not Found"}[good]
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [text]

    try:
        server = make_server(host, port, page, server_class=_Server, handler_class=_Quiet)
    except (OSError, OverflowError) as error:
        raise PortTakenError(
            f"port {port} cannot be used ({getattr(error, 'strerror', error)}); choose another with {setting}"
        ) from None
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server.shutdown

"""`fraud serve`: the HTTP API and the console."""

import gc
import signal
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import RUN, app
from cli.errors import CommandError
from cli.support.imports import block_sklearn
from cli.support.listener import explain_taken
from cli.support.options import SchemaName
from cli.support.settings import Settings
from streams.kafka.clock import get_utc_now
from streams.kafka.connection import Connection

if TYPE_CHECKING:
    import socket

    from fastapi import FastAPI

    from api.auth import Access

_LOCAL = "127.0.0.1"
_KEY_LENGTH = 16  # characters: long enough to resist guessing at the rate limit
_GOODBYE_S = 3  # we promise to exit within 5 s of SIGTERM, and browsers keep streams open
_KEEP_ALIVE_S = 75  # longer than the 60 s for which load balancers keep idle connections


def _make_access(hosts: list[str], key: str | None, rate: str | None) -> "Access":
    from api.auth import LOCAL_ACCESS, RATE, Access

    try:
        return Access((*LOCAL_ACCESS.hosts, *hosts), key, rate or RATE)
    except ValueError as error:
        raise CommandError(f"--rate-limit: {error}; try 2000/second or {RATE}") from None


def _build(settings: Settings, connection: Connection, access: "Access", fresh: bool) -> "FastAPI":
    block_sklearn()
    from api.app import create_app
    from api.dependencies import Dependencies
    from api.publisher import KafkaPublisher
    from model.artefact import Model
    from streams.status_server import make_process_registry

    model = Model.load(settings.model, settings.schema)
    dependencies = Dependencies(
        model,
        connection,
        KafkaPublisher(connection),
        get_utc_now,
        settings.home,
        make_process_registry(),
        (settings.scorer_host, settings.metrics_port),
        get_utc_now() if fresh else None,
        model.manifest.patterns,
    )
    return create_app(dependencies, access)


def _run(application: "FastAPI", listening: "socket.socket") -> None:
    import uvicorn

    from api.background import end_streams
    from streams.http_limits import LimitedProtocol

    class Server(uvicorn.Server):
        """A server that ends the streams to browsers before it waits for pending requests."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            end_streams(application)
            super().handle_exit(sig, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # once stopped, uvicorn raises the signal again
    gc.collect()
    gc.freeze()  # a collection that visits these objects, which stay, takes milliseconds
    config = uvicorn.Config(
        application,
        http=LimitedProtocol,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # a client could choose the address that the rate limit counts
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    Server(config).run(sockets=[listening])


@app.command(rich_help_panel=RUN)
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; all but 127.0.0.1 require FRAUD_API_KEY."
        ),
    ] = _LOCAL,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Another host name that clients use. Repeatable."),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            metavar="RATE", help="Limit per client, such as 2000/second. [default: 120000/minute]"
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Show only alerts and drift from now on.")
    ] = False,
    schema_name: SchemaName = None,
) -> None:
    """Serve HTTP until SIGTERM or Ctrl-C: /console, POST /predict and /docs.

    FRAUD_API_PORT sets the port (8000). If FRAUD_API_KEY is set, clients send it as X-API-Key.

    Example: fraud serve

    Example: FRAUD_API_KEY=... fraud serve --host 0.0.0.0 --allow-host fraud.example.org
    """
    from streams.status_server import PortTakenError, listen

    settings = Settings.from_environment(schema_name=schema_name)
    if host != _LOCAL and len(settings.api_key or "") < _KEY_LENGTH:
        raise CommandError(
            f"--host {host} is reachable by others: set FRAUD_API_KEY to {_KEY_LENGTH} characters "
            "or more, such as openssl rand -hex 16 prints"
        )
    name = f"[{host}]" if ":" in host else host
    access = _make_access([name, *(allow_host or ())], settings.api_key, rate_limit)
    connection = settings.make_connection()
    setting = "FRAUD_API_PORT" if host == _LOCAL else "FRAUD_API_PORT or --host"
    try:
        listening = listen(settings.api_port, setting, host)
    except PortTakenError as error:
        raise explain_taken(error, settings.home) from None
    application = _build(settings, connection, access, fresh)
    address = f"http://{name}:{settings.api_port}"
    print(f"{address} answers; documentation: {address}/docs", flush=True)
    _run(application, listening)

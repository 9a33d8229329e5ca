"""`fraud serve`: the model, the bus and the console over HTTP."""

import gc
import signal
import socket
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from cli.app import CommandError, app
from cli.settings import Settings

_GOODBYE_S = 3  # an exit is promised within 5 s of SIGTERM; streams to browsers would never end by themselves
_KEEP_ALIVE_S = 75  # longer than the minute for which load balancers keep an idle connection


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CommandError(f"{host} port {port} cannot be used ({reason}); choose others with --host and FRAUD_API_PORT") from None


def _ready_line(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port} answers; its documentation: http://{name}:{port}/docs"


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on. Any other than 127.0.0.1 needs FRAUD_API_KEY.")] = "127.0.0.1",
    allow_host: Annotated[list[str] | None, typer.Option(help="Another name by which clients reach this. Repeatable.")] = None,
    rate_limit: Annotated[str, typer.Option(help="Requests of one client: 2000/second, 120000/minute.")] = "",
) -> None:
    """Answer over HTTP until SIGTERM or Ctrl-C: POST /predict, POST /transactions, /docs. FRAUD_API_PORT is the port (8000).

    Example: fraud serve

    Example: FRAUD_API_KEY=... fraud serve --host 0.0.0.0 --allow-host fraud.example.org
    """
    settings = Settings.from_environment()
    if host != "127.0.0.1" and not settings.api_key:
        raise CommandError(f"{host} is not 127.0.0.1: others may reach it, so set FRAUD_API_KEY to the key that they have to send")
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # XGBoost would import it, if only it is there: 1.7 s of CPU
    import uvicorn

    from api.access import LOCAL, RATE, Access
    from api.app import create_app
    from api.publisher import KafkaPublisher
    from api.services import Services
    from model.artefact import Model
    from streams.http import process_registry

    connection = settings.connection()
    model = Model.load(settings.model)
    listening = _bound(host, settings.api_port)
    services = Services(model, connection, KafkaPublisher(connection), _utc_now, settings.home, process_registry())
    try:
        application = create_app(services, Access((*LOCAL, host, *(allow_host or ())), settings.api_key, rate_limit or RATE))
    except ValueError as error:
        raise CommandError(f"--rate-limit {rate_limit}: {error}; try 2000/second") from None
    for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn sends itself the signal that stopped it again, to whom it was before
        signal.signal(number, lambda *_: None)
    gc.freeze()  # what is there now stays: a collection that walks over it takes milliseconds
    print(_ready_line(host, settings.api_port), flush=True)
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # whoever sends one could choose the address that it is counted under
        server_header=False,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GOODBYE_S,
    )
    uvicorn.Server(config).run(sockets=[listening])

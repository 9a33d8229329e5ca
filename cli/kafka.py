"""`fraud kafka start|stop|status`: a Kafka on this machine, for those who have none."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.app import FAILED, app
from cli.settings import Settings

if TYPE_CHECKING:
    from infra.kafka import Status

kafka = typer.Typer(help="A Kafka on this machine: start, stop, status.", no_args_is_help=True)
app.add_typer(kafka, name="kafka")

_GIVEN = "given by FRAUD_BOOTSTRAP_SERVERS"


@kafka.command()
def start(quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False) -> None:
    """Start Kafka and wait until it answers: in a container where Docker has the image, else from its jars (Java 17+, Maven).

    Example: FRAUD_KAFKA_PORT=19092 fraud kafka start
    """
    from infra.kafka import broker

    settings = Settings.from_environment()
    if settings.bootstrap_servers:
        print(f"{settings.bootstrap_servers} is {_GIVEN}: nothing to start")
        return
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    with console.status("looking for Kafka") as progress:
        chosen = broker.choose(settings.home, settings.kafka_port)
        chosen.start(progress.update)
    _show(chosen.status())


@kafka.command()
def stop() -> None:
    """Stop the Kafka that `fraud kafka start` started. A container's data go with it; those of a local Kafka stay.

    Example: fraud kafka stop
    """
    from infra.kafka import broker

    started = broker.recorded(Settings.from_environment().home)
    print("Kafka stopped" if started and started.stop() else "Kafka was not running")


@kafka.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say whether Kafka answers; exit code 1 when it does not.

    Example: fraud kafka status --json
    """
    found = _status(Settings.from_environment())
    if as_json:
        print(json.dumps(asdict(found)))
    else:
        _show(found)
    if not found.running:
        raise typer.Exit(FAILED)


def _status(settings: Settings) -> "Status":
    from infra.kafka import Status, broker, ready

    connection = settings.connection()
    if settings.bootstrap_servers:
        return Status(
            ready.answers(connection.bootstrap_servers, timeout=5, properties=connection.properties),
            None,
            connection.bootstrap_servers,
            _GIVEN,
        )
    started = broker.recorded(settings.home)
    return started.status() if started else Status(False, None, connection.bootstrap_servers, "none was started here")


def _show(found: "Status") -> None:
    print(f"Kafka {'answers' if found.running else 'does not answer'} at {found.bootstrap_servers} ({found.detail})")

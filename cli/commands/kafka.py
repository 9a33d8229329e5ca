"""`fraud kafka start|stop|status`: a Kafka on this machine, for those who have none."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import app
from cli.errors import FAILED
from cli.support.progress import Quiet, of_bytes, steps

if TYPE_CHECKING:
    from cli.support.settings import Settings
    from infra.kafka import Status

kafka = typer.Typer(help="A Kafka on this machine: start, stop, status.", no_args_is_help=True)
app.add_typer(kafka, name="kafka")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

_GIVEN = "given by FRAUD_BOOTSTRAP_SERVERS"


@kafka.command()
def start(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Start Kafka and wait until it answers: in a container where Docker has the image, else from its jars (Java 17+, Maven).

    Example: FRAUD_KAFKA_PORT=19092 fraud kafka start
    """
    from cli.support.settings import Settings
    from infra.kafka import broker

    settings = Settings.from_environment()
    if settings.bootstrap_servers and not as_json:
        print(f"{settings.bootstrap_servers} is {_GIVEN}: nothing to start")
        return
    if not settings.bootstrap_servers:
        with steps(quiet, of_bytes()) as step:
            step.say("looking for Kafka")
            broker.choose(settings.home, settings.kafka_port).start(step.say, step.count)
    _show(_status(settings), as_json)


@kafka.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the Kafka that `fraud kafka start` started. A container's data go with it; those of a local Kafka stay.

    Example: fraud kafka stop
    """
    from cli.support.settings import Settings
    from infra.kafka import broker

    started = broker.find(Settings.from_environment().home)
    stopped = started is not None and started.stop()
    print(
        json.dumps({"stopped": stopped}, allow_nan=False)
        if as_json
        else "Kafka stopped"
        if stopped
        else "Kafka was not running"
    )


@kafka.command()
def status(as_json: AsJson = False) -> None:
    """Say whether Kafka answers; exit code 1 when it does not.

    Example: fraud kafka status --json
    """
    from cli.support.settings import Settings

    found = _status(Settings.from_environment())
    _show(found, as_json)
    if not found.running:
        raise typer.Exit(FAILED)


def _status(settings: "Settings") -> "Status":
    from infra.kafka import Status, broker, ready

    connection = settings.connection()
    if settings.bootstrap_servers:
        return Status(
            ready.answers(
                connection.bootstrap_servers, timeout=5, properties=connection.properties
            ),
            None,
            connection.bootstrap_servers,
            _GIVEN,
        )
    started = broker.find(settings.home)
    return (
        started.status()
        if started
        else Status(False, None, connection.bootstrap_servers, "none was started here")
    )


def _show(found: "Status", as_json: bool) -> None:
    said = f"Kafka {'answers' if found.running else 'does not answer'} at {found.bootstrap_servers} ({found.detail})"
    print(json.dumps(asdict(found), allow_nan=False) if as_json else said)

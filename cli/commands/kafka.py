"""`fraud kafka start|stop|status|tool`: a local Kafka, and Kafka's own tools."""

import json
import subprocess
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli.app import RUN, Commands, app
from cli.errors import FAILED
from cli.support.options import AsJson
from cli.support.progress import Quiet, make_download_columns, show_steps
from cli.support.settings import Settings

if TYPE_CHECKING:
    from infra.kafka import Status

kafka = typer.Typer(cls=Commands, help="Start, stop or check a local Kafka; run Kafka's tools.")
app.add_typer(kafka, name="kafka", rich_help_panel=RUN)

_GIVEN = "given by FRAUD_BOOTSTRAP_SERVERS or FRAUD_KAFKA_CONFIG"


@kafka.command()
def start(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """Start Kafka and wait until it answers.

    Uses a container if Docker has the image, or the jars, which need Java 17+ and Maven.

    Example: FRAUD_KAFKA_PORT=19092 fraud kafka start
    """
    from infra.kafka import broker

    settings = Settings.from_environment()
    if settings.given_servers and not as_json:
        print(f"{settings.given_servers} is {_GIVEN}: nothing to start")
        return
    if not settings.given_servers:
        with show_steps(quiet, make_download_columns()) as step:
            step.say("looking for Kafka")
            broker.choose(settings.home, settings.kafka_port).start(step.say, step.count)
    _show(_read_status(settings), as_json)


@kafka.command()
def stop(as_json: AsJson = False) -> None:
    """Stop the Kafka that `fraud kafka start` started.

    Removes a container's data; keeps the data of a Kafka from jars.

    Example: fraud kafka stop
    """
    from infra.kafka import broker

    started = broker.find(Settings.from_environment().home)
    stopped = started is not None and started.stop()
    if as_json:
        print(json.dumps({"stopped": stopped}, allow_nan=False))
    else:
        print("Kafka stopped" if stopped else "Kafka was not running")


@kafka.command()
def status(as_json: AsJson = False) -> None:
    """Report whether Kafka answers; exit with 1 if not.

    Example: fraud kafka status --json
    """
    current = _read_status(Settings.from_environment())
    _show(current, as_json)
    if not current.running:
        raise typer.Exit(FAILED)


@kafka.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def tool(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as kafka-topics.sh.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="ARGUMENTS", help="Passed to the tool.")
    ] = None,
) -> None:
    """Run one of Kafka's own tools: that on the PATH, else the one of the local Kafka.

    Example: fraud kafka tool kafka-topics.sh --bootstrap-server 127.0.0.1:9092 --list
    """
    from infra.kafka import jars, tools

    if name not in tools.CLASSES:
        raise typer.BadParameter(
            f"{name!r} is not one of {', '.join(tools.CLASSES)}", param_hint="NAME"
        )
    command = tools.make_command(Settings.from_environment().home, name)
    done = subprocess.run([*command, *(arguments or ())], env=jars.java_environment(), check=False)
    raise typer.Exit(done.returncode)


def _read_status(settings: Settings) -> "Status":
    from infra.kafka import Status, broker, ready

    connection = settings.make_connection()
    if settings.given_servers:
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


def _show(status: "Status", as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(status), allow_nan=False))
        return
    verb = "answers" if status.running else "does not answer"
    print(f"Kafka {verb} at {status.bootstrap_servers} ({status.detail})")

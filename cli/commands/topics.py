"""`fraud topics`: create the topics, and reject existing ones that are less safe."""

import json
from typing import Annotated

import typer

from cli.app import OPERATE, app
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson
from cli.support.settings import Settings
from streams.kafka import topic_admin, topics


@app.command(name="topics", rich_help_panel=OPERATE)
def create_topics(
    partitions: Annotated[
        int,
        typer.Option(min=1, metavar="NUMBER", help="Partitions of each topic except drift.events."),
    ] = topics.PARTITIONS,
    replication: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="Replicas of each partition; with 3 or more, two must be in sync.",
        ),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Create missing topics; then fail if another one is less safe than declared.

    Example: fraud topics --partitions 8
    """
    created = topic_admin.create(
        ensure_reachable(Settings.from_environment().make_connection()), partitions, replication
    )
    if as_json:
        print(json.dumps({"created": created}, allow_nan=False))
    else:
        print(f"created {', '.join(created)}" if created else "all topics exist already")

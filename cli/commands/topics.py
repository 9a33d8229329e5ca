"""`fraud topics`: create the topics, and reject existing ones that are less safe."""

import json
from typing import Annotated

import typer

from cli.app import OPERATE, app
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson, SchemaName
from cli.support.settings import Settings
from cli.support.topics import declare_topics
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
    schema_name: SchemaName = None,
    as_json: AsJson = False,
) -> None:
    """Create missing topics; then fail if another one is less safe than declared.

    The topic history is kept as long as the schema's features look back, and a week.

    Example: fraud topics --partitions 8
    """
    settings = Settings.from_environment(schema_name=schema_name)
    declared = declare_topics(settings.schema)
    connection = ensure_reachable(settings.make_connection())
    created = topic_admin.create(connection, partitions, replication, declared)
    if as_json:
        print(json.dumps({"created": created}, allow_nan=False))
    else:
        print(f"created {', '.join(created)}" if created else "all topics exist already")

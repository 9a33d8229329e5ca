"""`fraud topics`: create the topics, and reject existing ones that differ."""

import json
from typing import Annotated

import typer

from cli.app import app
from cli.support.broker import ensure_reachable
from cli.support.options import AsJson
from streams.kafka import topics


@app.command(name="topics")
def create_topics(
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic except drift.events.")
    ] = topics.PARTITIONS,
    replication: Annotated[
        int,
        typer.Option(
            min=1, help="Replicas of each partition; with 3 or more, two must be in sync."
        ),
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Create missing topics; fail if an existing one differs from its declaration.

    Example: fraud topics --partitions 8
    """
    from cli.support.settings import Settings

    created = topics.create(
        ensure_reachable(Settings.from_environment().connection()), partitions, replication
    )
    if as_json:
        print(json.dumps({"created": created}, allow_nan=False))
    else:
        print(f"created {', '.join(created)}" if created else "all topics exist already")

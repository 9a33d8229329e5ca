"""`fraud topics`: creates the topics and refuses a mismatch."""

import json
from typing import Annotated

import typer

from cli.app import app
from cli.support.broker import ensure_reachable
from streams.kafka import topics


@app.command(name="topics")
def create_topics(
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of each topic but drift.events.")
    ] = topics.PARTITIONS,
    replication: Annotated[
        int, typer.Option(min=1, help="Replicas of each partition; from 3 on, two must be in sync.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Create the topics that are missing; refuse those that differ from the declaration.

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

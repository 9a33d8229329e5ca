"""The topics as a schema needs them."""

from payments.schema.reading import Schema
from streams.kafka import topics


def declare_topics(schema: Schema) -> tuple[topics.Topic, ...]:
    """Return the declared topics, with the history that the schema needs."""
    if not schema.history_fields:
        return topics.TOPICS
    from payments.state.plan import find_horizon  # loading Numba takes most of a second

    return topics.declare_topics(find_horizon(schema))

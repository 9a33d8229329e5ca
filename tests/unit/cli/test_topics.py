"""The topics that a schema needs."""

from cli.support.topics import declare_topics
from payments.schema.reading import read_schema
from streams.kafka import topics


def test_the_declared_retention_of_history_suits_the_built_in_schemas():
    assert declare_topics(read_schema("creditcard")) == topics.TOPICS
    assert declare_topics(read_schema("cards")) == topics.TOPICS


def test_a_schema_decides_how_long_history_is_kept(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("""
name = "own"
roles = { id = "id", time = "time", key = "card", amount = "amount" }
[fields]
id = { type = "id" }
time = { type = "time" }
card = { type = "entity" }
amount = { type = "amount", decimals = 2 }
[features]
[[features.velocity]]
entity = "card"
windows = ["90d"]
measures = ["count"]
""")
    declared = {topic.name: topic for topic in declare_topics(read_schema(str(path)))}
    # the window, a day for late payments, and the retention of `transactions`
    assert declared["history"].retention_ms == (90 + 1 + 7) * 24 * 3600 * 1000

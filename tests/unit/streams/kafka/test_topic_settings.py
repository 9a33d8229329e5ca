"""Which settings of a topic are as safe as declared, and what mends the others."""

import pytest
from support.topic_changes import LIMITED_SENDER_TIME

from streams.kafka import topics
from streams.kafka.connection import Connection
from streams.kafka.topic_admin import (
    choose_command,
    choose_partitions,
    find_usual_count,
)
from streams.kafka.topic_settings import choose_changes, compare

DAY_MS = 24 * 3600 * 1000


def differences(name="transactions", replicas=1, **changes):
    """Compare the declaration with itself, after changes of names with `_` instead of `.`."""
    topic = topics.BY_NAME[name]
    changed = {key.replace("_", "."): value for key, value in changes.items()}
    return compare(topic.settings(replicas), topic.config(replicas) | changed)


@pytest.mark.parametrize("name", topics.BY_NAME)
@pytest.mark.parametrize("replicas", [1, 2, 3, 5])
def test_a_topic_is_created_as_declared(name, replicas):
    assert differences(name, replicas) == []


@pytest.mark.parametrize("name", topics.BY_NAME)
@pytest.mark.parametrize(
    "changes",
    [
        {"cleanup_policy": "compact"},
        {"cleanup_policy": "compact,delete"},
        {"retention_ms": "3600000"},
        {"retention_bytes": "1000000000000"},
        {"max_message_bytes": "1048587"},
        {"min_insync_replicas": "4"},
        {"unclean_leader_election_enable": "true"},
    ],
)
def test_less_safe_than_declared(name, changes):
    [found] = differences(name, 3, **changes)
    [(setting, value)] = changes.items()
    assert str(found).startswith(f"{setting.replace('_', '.')}={value} (declared: ")


@pytest.mark.parametrize("name", topics.BY_NAME)
@pytest.mark.parametrize(
    "changes",
    [
        {"retention_ms": "-1"},
        {"retention_ms": str(365 * DAY_MS)},
        {"min_insync_replicas": "3"},
        {"some_other_setting": "compact"},
    ],
)
def test_safer_than_declared_is_fine(name, changes):
    assert differences(name, 3, **changes) == []


def test_outputs_may_have_a_larger_limit():
    assert differences("predictions", max_message_bytes="2000000") == []


def test_a_transaction_that_fits_no_dead_letter_is_unsafe():
    [found] = differences("transactions", max_message_bytes="2000000")
    assert "(declared: " in str(found)


def test_compression_alone_loses_nothing():
    assert topics.BY_NAME["transactions"].config()["compression.type"] == "uncompressed"
    assert differences("transactions", compression_type="producer") == []


@pytest.mark.parametrize(
    ("replicas", "in_sync", "is_safe"),
    [(1, "1", True), (1, "2", False), (2, "1", True), (2, "2", True), (3, "1", False)],
)
def test_replicas_in_sync(replicas, in_sync, is_safe):
    assert (differences("alerts", replicas, min_insync_replicas=in_sync) == []) is is_safe


def test_two_of_three_replicas_are_in_sync_in_a_new_topic():
    for topic in topics.TOPICS:
        assert topic.config(3)["min.insync.replicas"] == "2"
        assert topic.config(1)["min.insync.replicas"] == "1"


@pytest.mark.parametrize("name", ["transactions", "labels"])
def test_records_of_others_have_the_brokers_time(name):
    assert topics.BY_NAME[name].config()["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("name", ["transactions", "labels"])
@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, []),
        ({"message.timestamp.before.max.ms": "3600000"}, []),
        (
            {"message.timestamp.before.max.ms": "1"},
            ["message.timestamp.type", "message.timestamp.before.max.ms"],
        ),
        (
            {"message.timestamp.before.max.ms": "9223372036854775807"},
            ["message.timestamp.type", "message.timestamp.before.max.ms"],
        ),
        (
            {"message.timestamp.after.max.ms": "9223372036854775807"},
            ["message.timestamp.type", "message.timestamp.after.max.ms"],
        ),
        (
            # brokers before 3.6 have no such limits
            {"message.timestamp.before.max.ms": None, "message.timestamp.after.max.ms": None},
            [
                "message.timestamp.type",
                "message.timestamp.before.max.ms",
                "message.timestamp.after.max.ms",
            ],
        ),
    ],
)
def test_senders_timestamps_need_limits(name, changes, wrong):
    topic = topics.BY_NAME[name]
    found = compare(topic.settings(1), topic.config() | LIMITED_SENDER_TIME | changes)
    assert [each.setting.name for each in found] == wrong


def test_own_topics_may_have_either_time():
    assert differences("predictions", message_timestamp_type="CreateTime") == []
    assert differences("predictions", message_timestamp_type="LogAppendTime") == []


@pytest.mark.parametrize(
    "name", ["predictions", "alerts", "transactions.dlq", "drift.events", "history"]
)
@pytest.mark.parametrize(
    ("limit", "declared"),
    [
        ("message.timestamp.before.max.ms", "86400000"),
        ("message.timestamp.after.max.ms", "3600000"),
    ],
)
def test_a_limit_that_refuses_own_records_is_unsafe(name, limit, declared):
    topic = topics.BY_NAME[name]

    def compare_with(**changes):
        return compare(topic.settings(1), topic.config() | LIMITED_SENDER_TIME | changes)

    found = compare_with(**{limit: "1"})
    assert [str(each) for each in found] == [f"{limit}=1 (declared: 600000 or more)"]
    assert choose_changes(found) == [{limit: declared}]
    assert compare_with(**{limit: "9223372036854775807"}) == []
    assert compare_with(**{limit: "1", "message.timestamp.type": "LogAppendTime"}) == []


def test_the_command_mends_all_differences():
    found = differences("transactions", cleanup_policy="compact", retention_ms="1000")
    connection = Connection("broker:9092", "t.")
    assert choose_command(connection, "t.transactions", found) == (
        "fraud kafka tool kafka-configs.sh --bootstrap-server "
        "broker:9092 --alter --entity-type topics "
        "--entity-name t.transactions --add-config cleanup.policy=delete,retention.ms=604800000"
    )
    secured = Connection("broker:9092", properties={"security.protocol": "SSL"})
    assert " --command-config client.properties " in choose_command(secured, "alerts", found)


def test_senders_timestamps_can_stay_or_go():
    topic = topics.BY_NAME["transactions"]
    config = topic.config() | LIMITED_SENDER_TIME
    config["message.timestamp.before.max.ms"] = "9223372036854775807"
    assert choose_changes(compare(topic.settings(1), config)) == [
        {"message.timestamp.type": "LogAppendTime"},
        {"message.timestamp.before.max.ms": "86400000"},
    ]


@pytest.mark.parametrize(
    ("name", "count", "declared", "said"),
    [
        (
            "transactions",
            4,
            8,
            "to keep 4, run: fraud topics --partitions 4; to have 8, run: "
            "fraud kafka tool kafka-topics.sh --bootstrap-server "
            "b:1 --alter --topic transactions --partitions 8",
        ),
        (
            "transactions",
            12,
            8,
            "to keep 12, run: fraud topics --partitions 12; to have 8, run: "
            "fraud kafka tool kafka-topics.sh --bootstrap-server b:1 --delete --topic transactions "
            "(its records are lost), then: fraud topics",
        ),
        (
            "drift.events",
            3,
            1,
            "to have 1, run: fraud kafka tool kafka-topics.sh --bootstrap-server "
            "b:1 --delete --topic drift.events "
            "(its records are lost), then: fraud topics",
        ),
    ],
)
def test_the_commands_for_another_number_of_partitions(name, count, declared, said):
    assert choose_partitions(Connection("b:1"), topics.BY_NAME[name], count, declared) == said


def test_history_is_kept_as_long_as_the_features_look_back_and_payments_wait():
    declared = {topic.name: topic for topic in topics.declare_topics(60 * DAY_MS)}
    assert declared.keys() == topics.BY_NAME.keys()
    assert declared["history"].retention_ms == 67 * DAY_MS
    found = compare(declared["history"].settings(1), topics.BY_NAME["history"].config())
    assert list(map(str, found)) == [
        f"retention.ms={45 * DAY_MS} (declared: {67 * DAY_MS} or more)"
    ]
    assert declared | {"history": topics.BY_NAME["history"]} == topics.BY_NAME


def test_most_topics_decide_on_the_usual_number():
    assert find_usual_count([4, 8, 8, 8, 8]) == 8
    assert find_usual_count([12, 8]) == 12

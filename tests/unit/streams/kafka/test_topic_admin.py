"""What a cluster's answers about its topics lead to."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka import topic_admin, topics
from streams.kafka.connection import Connection
from streams.kafka.errors import DO_NOT_RESTART, TopicMismatchError

CONNECTION = Connection("127.0.0.1:9092", "t.")


class Cluster:
    """An admin client of a cluster with these topics: settings, or the code of an error."""

    def __init__(self, **found):
        self.found = {f"t.{name}": config for name, config in found.items()}

    def list_topics(self, timeout):
        partition = SimpleNamespace(replicas=[1])
        topic = SimpleNamespace(partitions={0: partition, 1: partition})
        return SimpleNamespace(topics=dict.fromkeys(self.found, topic))

    def describe_configs(self, resources, request_timeout):
        return {resource: self._answer(self.found[resource.name]) for resource in resources}

    def _answer(self, config):
        answer = Future()
        if isinstance(config, int):
            answer.set_exception(KafkaException(KafkaError(config)))
        else:
            entries = {name: SimpleNamespace(value=value) for name, value in config.items()}
            answer.set_result(entries)
        return answer


def config(name, **changes):
    return topics.BY_NAME[name].config() | {
        key.replace("_", "."): value for key, value in changes.items()
    }


def test_topics_that_may_lose_records_are_refused_with_the_commands_that_mend_them():
    cluster = Cluster(
        transactions=config("transactions", cleanup_policy="compact"),
        predictions=config("predictions", max_message_bytes="1000"),
        alerts=config("alerts"),
        labels=config("labels", cleanup_policy="compact"),
    )
    with pytest.raises(TopicMismatchError) as refused:
        topic_admin.refuse_unsafe(cluster, CONNECTION, ["transactions", "predictions", "alerts"])
    assert refused.value.exit_code == DO_NOT_RESTART
    command = (
        "fraud kafka tool kafka-configs.sh --bootstrap-server "
        "127.0.0.1:9092 --alter --entity-type topics"
    )
    assert str(refused.value).splitlines() == [
        "t.transactions has cleanup.policy=compact (declared: delete); "
        f"run: {command} --entity-name t.transactions --add-config cleanup.policy=delete",
        "t.predictions has max.message.bytes=1000 (declared: 1048588 or more); "
        f"run: {command} --entity-name t.predictions --add-config max.message.bytes=1048588",
    ]


def test_settings_that_this_user_may_not_see_are_a_warning(caplog):
    denied = KafkaError.TOPIC_AUTHORIZATION_FAILED
    cluster = Cluster(transactions=denied, alerts=config("alerts"))
    topic_admin.refuse_unsafe(cluster, CONNECTION, ["transactions", "alerts"])
    [warning] = caplog.messages
    assert "may not see the settings of t.transactions" in warning


def test_no_answer_about_settings_is_an_error():
    cluster = Cluster(transactions=KafkaError.REQUEST_TIMED_OUT)
    with pytest.raises(KafkaException):
        topic_admin.refuse_unsafe(cluster, CONNECTION, ["transactions"])

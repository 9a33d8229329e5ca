"""Kafka in a container and Kafka from its jars are the same Kafka."""

import re

import yaml
from support.paths import ROOT

from infra.kafka import IMAGE, VERSION
from streams.kafka import topics

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["kafka"]
# addresses, folders, and settings that only LocalBroker needs (see server.properties)
OWN = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
    "broker.session.timeout.ms",
    "controlled.shutdown.enable",
}


def test_the_container_has_the_settings_of_the_local_broker():
    lines = (ROOT / "infra/kafka/server.properties").read_text().splitlines()
    local = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    container = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in COMPOSE["environment"].items()
    }
    assert {name: container.get(name) for name in local.keys() - OWN} == {
        name: local[name] for name in local.keys() - OWN
    }


def test_a_groups_offsets_outlive_every_topic():
    kept_ms = int(COMPOSE["environment"]["KAFKA_OFFSETS_RETENTION_MINUTES"]) * 60_000
    assert kept_ms > max(topic.retention_ms for topic in topics.TOPICS)


def test_no_producer_can_hide_records_for_longer_than_a_minute():
    settings = COMPOSE["environment"]
    assert int(settings["KAFKA_TRANSACTION_MAX_TIMEOUT_MS"]) == 60_000


def test_one_version_everywhere():
    versions = re.findall(
        r"<artifactId>kafka[^<]*</artifactId>\s*<version>(\d[^<]+\.[^<]+)</version>",
        (ROOT / "infra/kafka/pom.xml").read_text(),
    )
    assert versions == [VERSION, VERSION]
    assert COMPOSE["image"] == IMAGE


def test_the_container_is_reached_from_this_machine_only():
    assert all(port.startswith("127.0.0.1:") for port in COMPOSE["ports"])

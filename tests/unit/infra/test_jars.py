"""Kafka's jars, by a Maven that only plays its part."""

import os

import pytest

from infra.kafka import BrokerError, jars

BEGIN = """#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) mkdir -p "${argument#*=}" ;; esac; done
echo '[INFO] Downloaded from central: https://repo.example/a.pom (10 MB at 40 MB/s)'
echo '[INFO] Downloaded from central: https://repo.example/a.jar (13.5 MB at 40 MB/s)'
echo '[INFO] Downloaded from central: https://repo.example/b.jar (500 kB at 9.0 kB/s)'
"""


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """Has `mvn` do what is given after its first lines."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def does(rest):
        (tmp_path / "mvn").write_text(BEGIN + rest)
        (tmp_path / "mvn").chmod(0o755)

    return does


def test_what_arrives_is_counted_in_bytes(maven, tmp_path):
    maven("")
    said, counted = [], []
    jars.fetch(tmp_path / "jars", said.append, lambda *counts: counted.append(counts))
    assert said == ["downloading Kafka's jars (56 MB)"]
    assert counted == [(13_500_000, 56_400_000), (14_000_000, 56_400_000)]
    assert jars.are_complete(tmp_path / "jars")


def test_a_failure_is_one_line_and_the_rest_a_note(maven, tmp_path):
    maven(
        "echo '[ERROR] Could not transfer a.jar: Network is unreachable'\n"
        "echo '[ERROR] To see more, -e'\nexit 1\n"
    )
    with pytest.raises(BrokerError) as failed:
        jars.fetch(tmp_path / "jars", print)
    assert (
        str(failed.value)
        == "Maven could not download Kafka's jars: Could not transfer a.jar: Network is unreachable"
    )
    assert failed.value.__notes__[0].endswith("[ERROR] To see more, -e")
    assert not (tmp_path / "jars").exists()


def test_a_maven_that_hangs_is_ended(maven, tmp_path, monkeypatch):
    monkeypatch.setattr(jars, "_TIMEOUT_S", 0.5)
    maven("exec sleep 60\n")
    with pytest.raises(BrokerError, match=r"within 0\.5 s$"):
        jars.fetch(tmp_path / "jars", print)

"""The examples for the shell: what they call, by programs that only repeat it. tests/integration/producer/test_examples.py tries them on a Kafka."""

import shutil
import subprocess
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


@pytest.fixture
def called(tmp_path):
    """Runs a script from a folder of its own with these variables; what the program under this name was given."""

    def run(script, program, **variables):
        (tmp_path / program).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / program).chmod(0o755)
        for needed in ("bash", "cat", "dirname"):
            (tmp_path / needed).symlink_to(shutil.which(needed))
        command = [EXAMPLES / script, "alerts"]
        variables |= {"PATH": str(tmp_path)}
        return subprocess.run(
            command,
            env=variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout

    return run


def test_the_jars_are_those_of_the_home(called, tmp_path):
    assert f"-cp {tmp_path}/kafka/jars/* " in called(
        "console-tools.sh", "java", FRAUD_HOME=str(tmp_path)
    )


def test_without_a_home_the_jars_are_those_of_the_checkout(called):
    assert f"-cp {EXAMPLES.parent}/.run/kafka/jars/* " in called("console-tools.sh", "java")


def test_kcat_gets_the_properties(called):
    assert called("kcat.sh", "kcat", FRAUD_KAFKA_CONFIG="own.properties").startswith(
        "-F own.properties -C"
    )


def test_kcat_without_properties(called):
    assert called("kcat.sh", "kcat").startswith("-C")

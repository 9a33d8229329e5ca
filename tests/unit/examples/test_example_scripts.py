"""The commands that the shell examples run, with programs that only print their arguments.

tests/integration/producer/test_examples.py runs the examples on a real Kafka.
"""

import shutil

import pytest
from support import commands
from support.paths import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture
def run_script(tmp_path):
    """Run a script with these variables; return the arguments that it passes to `program`."""

    def run(script, program, **variables):
        (tmp_path / program).write_text('#!/bin/sh\necho "$@"\n')
        (tmp_path / program).chmod(0o755)
        for needed in ("bash", "cat", "dirname"):
            (tmp_path / needed).symlink_to(shutil.which(needed))
        own = {"PATH": str(tmp_path)}
        return commands.run(
            [EXAMPLES / script, "alerts"], env=variables | own, cwd=tmp_path, check=True
        ).stdout

    return run


def test_the_jars_come_from_fraud_home(run_script, tmp_path):
    assert f"-cp {tmp_path}/kafka/jars/* " in run_script(
        "console-tools.sh", "java", FRAUD_HOME=str(tmp_path)
    )


def test_without_fraud_home_the_jars_come_from_the_checkout(run_script):
    assert f"-cp {EXAMPLES.parent}/.run/kafka/jars/* " in run_script("console-tools.sh", "java")


def test_kcat_gets_the_properties_file(run_script):
    assert run_script("kcat.sh", "kcat", FRAUD_KAFKA_CONFIG="own.properties").startswith(
        "-F own.properties -C"
    )


def test_kcat_runs_without_a_properties_file(run_script):
    assert run_script("kcat.sh", "kcat").startswith("-C")

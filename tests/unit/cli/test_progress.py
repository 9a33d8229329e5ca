"""Progress bars show a rate and the time left on a terminal; nothing with --quiet or in a pipe."""

import os
import re
import sys

import pytest
from support.commands import run
from support.data import labelled
from support.paths import ROOT
from support.ports import find_free_port
from support.terminal import run_in_terminal

CLI = ROOT / "cli"
RATE = re.compile(rb"\d [kM]?B/s|\d/s")
LEFT = re.compile(rb"\d+:\d\d:\d\d")

# A Java that passes the version check but runs nothing; a Maven that reports two jars.
JAVA = """#!/bin/sh
[ "$1" = -version ] && echo 'openjdk version "17.0.1"' && exit 0
exit 1
"""
MAVEN = """#!/bin/sh
for argument; do case $argument in -DoutputDirectory=*) mkdir -p "${argument#*=}" ;; esac; done
for jar in one two; do
  echo "[INFO] Downloading from central: https://repo.example/$jar.jar"
  sleep 0.2
  echo "[INFO] Downloaded from central: https://repo.example/$jar.jar (13.5 MB at 40 MB/s)"
done
"""

COMMANDS = {
    "simulate": ["--rows", "20000", "--out", "simulated.csv"],
    "explore": ["--data", "rows.csv"],
    "train": ["--data", "rows.csv"],
    "kafka start": [],
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    labelled.rows(seed=9).to_csv(
        path, index=False
    )  # of the default seed's rows, training warns of a leak
    return path


@pytest.fixture
def variables(tmp_path, rows):
    """A temporary home with the rows, and stand-ins first on PATH: no Docker."""
    (tmp_path / "rows.csv").symlink_to(rows)
    (tmp_path / "bin").mkdir()
    for name, text in {
        "java": JAVA,
        "mvn": MAVEN,
        "docker": "#!/bin/sh\nexit 1\n",
        "docker-compose": "#!/bin/sh\nexit 1\n",
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if name != "FRAUD_BOOTSTRAP_SERVERS"}
    own = {
        "FRAUD_HOME": str(tmp_path),
        "FRAUD_KAFKA_PORT": str(find_free_port(following=3)),
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
    }
    return kept | own | {"TERM": "xterm", "COLUMNS": "160"}


def command(name):
    return [sys.executable, "-m", "cli.main", *name.split(), *COMMANDS[name]]


def errors_of(name, drawn):
    """Return the lines on stderr other than bars: Kafka does not start from these jars."""
    return [
        line
        for line in drawn.splitlines()
        if not (name == "kafka start" and line.startswith(b"fraud: Kafka could not format"))
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_terminal_sees_the_rate_and_the_time_left(name, variables, tmp_path):
    drawn = run_in_terminal(command(name), variables, tmp_path)
    assert RATE.search(drawn), drawn
    assert LEFT.search(drawn), drawn


@pytest.mark.parametrize("name", COMMANDS)
def test_quiet_draws_nothing(name, variables, tmp_path):
    assert errors_of(name, run_in_terminal([*command(name), "--quiet"], variables, tmp_path)) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe_gets_nothing(name, variables, tmp_path):
    colours = {"FORCE_COLOR": "1"}  # Rich takes anything for a terminal then
    done = run(command(name), env=variables | colours, cwd=tmp_path, text=False)
    assert errors_of(name, done.stderr) == []


def test_all_bars_are_made_in_one_place():
    assert [
        path.name for path in CLI.rglob("*.py") if re.search(r"\bProgress\(", path.read_text())
    ] == ["progress.py"]

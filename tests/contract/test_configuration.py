"""docs/configuration.md and .env.example: current, complete, and with the defaults that are used."""

import dataclasses
import re
from pathlib import Path

import pytest

from cli.support.settings import Settings
from cli.support.variables import GROUPS
from docs import configuration

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {variable.name: variable for group in GROUPS.values() for variable in group}
FIELDS = {f"FRAUD_{field.name.upper()}": field.name for field in dataclasses.fields(Settings)}
IN_WORDS = {
    "FRAUD_HOME",
    "FRAUD_MODEL_DIR",
    "FRAUD_DATA",
    "FRAUD_INSTANCE",
    "FRAUD_BOOTSTRAP_SERVERS",
}


def test_the_files_are_what_is_declared():
    assert {
        name: (ROOT / name).read_text() for name in configuration.files()
    } == configuration.files()


def test_every_variable_that_is_read_is_there_and_no_other():
    code = [
        path
        for room in ("api", "cli", "infra")
        for path in (ROOT / room).rglob("*.py")
        if path.name != "variables.py"
    ]
    texts = [path.read_text() for path in code]
    compose = (ROOT / "docker-compose.yml").read_text()
    ours = {name for text in (*texts, compose) for name in re.findall(r"FRAUD_[A-Z_]+[A-Z]", text)}
    others = {name for text in texts for name in re.findall(r'\bget\("([A-Z_]+)"', text)} | set(
        re.findall(r"[^$]\$\{([A-Z_]+)", compose)
    )
    assert {"XDG_CACHE_HOME", "EXTRA_CA"} <= others
    assert ours | others == VARIABLES.keys()


@pytest.mark.parametrize("name", sorted(FIELDS.keys() & VARIABLES.keys() - IN_WORDS))
def test_a_default_is_the_one_that_is_used(name, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    used = getattr(Settings.from_environment(), FIELDS[name])
    assert VARIABLES[name].default == ("none" if used is None else str(used))


def test_the_defaults_in_containers_are_the_same():
    found = re.findall(r"\$\{(FRAUD_\w+):-(\d+)\}", (ROOT / "docker-compose.yml").read_text())
    assert len(found) > 0
    assert [(name, default) for name, default in found if VARIABLES[name].default != default] == []

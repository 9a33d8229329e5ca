"""docs/configuration.md and .env.example: current, complete, and with the defaults that are used."""

import re
from pathlib import Path

import pytest

from cli.support.settings import SECTIONS, Settings
from docs import configuration

ROOT = Path(__file__).resolve().parents[2]
VARIABLES = {
    variable.name: variable for section in SECTIONS for variable in configuration.variables(section)
}
FIELDS = {field.validation_alias: name for name, field in Settings.model_fields.items()}
IN_WORDS = {
    "FRAUD_HOME",
    "FRAUD_MODEL_DIR",
    "FRAUD_DATA",
    "FRAUD_INSTANCE",
    "FRAUD_BOOTSTRAP_SERVERS",
    "XDG_CACHE_HOME",
}


def test_the_files_are_what_is_declared():
    assert {
        name: (ROOT / name).read_text() for name in configuration.files()
    } == configuration.files()


def test_every_variable_that_is_read_is_there_and_no_other():
    code = [path for room in ("api", "cli", "infra") for path in (ROOT / room).rglob("*.py")]
    texts = [path.read_text() for path in code]
    compose = (ROOT / "docker-compose.yml").read_text()
    ours = {name for text in (*texts, compose) for name in re.findall(r"FRAUD_[A-Z_]+[A-Z]", text)}
    others = {name for text in texts for name in re.findall(r'\bget\("([A-Z_]+)"', text)} | set(
        re.findall(r"[^$]\$\{([A-Z_]+)", compose)
    )
    fields = {
        variable
        for variable, field in FIELDS.items()
        if any(re.search(rf"\.{field}\b", text) for text in texts)
    }
    assert {"XDG_CACHE_HOME", "EXTRA_CA"} <= others
    assert ours | others | fields == VARIABLES.keys()


@pytest.mark.parametrize("name", sorted(FIELDS.keys() & VARIABLES.keys() - IN_WORDS))
def test_a_default_is_the_one_that_is_used(name, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    used = getattr(Settings.from_environment(), FIELDS[name])
    shown = {None: "none", "": "empty", False: "0"}.get(used, str(used))
    assert VARIABLES[name].default == shown


def test_the_defaults_in_containers_are_the_same():
    found = re.findall(r"\$\{(FRAUD_\w+):-(\d+)\}", (ROOT / "docker-compose.yml").read_text())
    assert len(found) > 0
    assert [(name, default) for name, default in found if VARIABLES[name].default != default] == []

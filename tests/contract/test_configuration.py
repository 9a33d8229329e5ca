"""docs/configuration.md and .env.example are current, complete, and show the actual defaults."""

import re

import pytest
from support.paths import ROOT

from cli.support.settings import SECTIONS, Settings
from docs import configuration

VARIABLES = {
    variable.name: variable
    for section in SECTIONS
    for variable in configuration.list_variables(section)
}
FIELDS = {field.validation_alias: name for name, field in Settings.model_fields.items()}
IN_WORDS = {
    "FRAUD_HOME",
    "FRAUD_MODEL_DIR",
    "FRAUD_DATA",
    "FRAUD_INSTANCE",
    "FRAUD_BOOTSTRAP_SERVERS",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
}


def test_the_generated_files_are_current():
    assert {
        name: (ROOT / name).read_text() for name in configuration.render_files()
    } == configuration.render_files()


def test_the_page_lists_exactly_the_variables_that_are_read():
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
def test_a_documented_default_is_the_actual_default(name, monkeypatch):
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    used = getattr(Settings.from_environment(), FIELDS[name])
    shown = {None: "none", "": "empty", False: "0"}.get(used, str(used))
    assert VARIABLES[name].default == shown


def test_containers_have_the_same_defaults():
    found = re.findall(r"\$\{(FRAUD_\w+):-(\d+)\}", (ROOT / "docker-compose.yml").read_text())
    assert len(found) > 0
    assert [(name, default) for name, default in found if VARIABLES[name].default != default] == []

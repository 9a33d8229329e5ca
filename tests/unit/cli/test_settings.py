"""What the settings take from flags and the environment, and where files are kept."""

from importlib.resources import files

import pytest

from cli.errors import SettingsError
from cli.support.settings import ROOT, Settings, find_home
from payments.schema.reading import SchemaError


def test_a_flag_overrides_its_variable_and_is_checked_like_it(monkeypatch):
    monkeypatch.setenv("FRAUD_METRICS_PORT", "9201")
    assert Settings.from_environment(metrics_port=None).metrics_port == 9201
    assert Settings.from_environment(metrics_port=9301).metrics_port == 9301
    with pytest.raises(SettingsError, match="FRAUD_METRICS_PORT=99999 is not a port"):
        Settings.from_environment(metrics_port=99999)


def test_the_schema_is_a_built_in_one_or_a_file(monkeypatch, tmp_path):
    assert Settings.from_environment().schema.name == "creditcard"
    monkeypatch.setenv("FRAUD_SCHEMA", "cards")
    assert Settings.from_environment().schema.name == "cards"
    file = tmp_path / "own.toml"
    cards = (files("payments.schema") / "builtin/cards.toml").read_text()
    file.write_text(cards.replace('"cards"', '"own"'))
    assert Settings.from_environment(schema_name=str(file)).schema.name == "own"
    with pytest.raises(SchemaError, match="the built-in schemas are creditcard and cards"):
        _ = Settings.from_environment(schema_name="none").schema


def test_a_checkout_keeps_its_files_and_an_installed_package_those_of_the_user(tmp_path):
    assert find_home(ROOT, tmp_path) == ROOT / ".run"
    site_packages = tmp_path / "lib" / "site-packages"
    site_packages.mkdir(parents=True)
    assert find_home(site_packages, tmp_path / "data") == tmp_path / "data"


def test_the_users_data_folder_is_that_of_xdg(monkeypatch, tmp_path):
    monkeypatch.setattr("cli.support.settings.ROOT", tmp_path)
    monkeypatch.delenv("FRAUD_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert Settings.from_environment().home == tmp_path / "share" / "streaming-fraud-scorer"
    monkeypatch.setenv("XDG_DATA_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert (
        Settings.from_environment().home == tmp_path / ".local" / "share" / "streaming-fraud-scorer"
    )

"""Prometheus and Grafana in containers next to the demo: same images, free ports, never fatal."""

import pytest
import yaml
from support.paths import ROOT
from support.ports import find_free_port

from infra.watch import configuration
from infra.watch.containers import IMAGES, Containers

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture
def ports():
    first = find_free_port(following=2)
    return {
        name: str(first + i)
        for i, name in enumerate(
            ("FRAUD_NODE_EXPORTER_PORT", "FRAUD_PROMETHEUS_PORT", "FRAUD_GRAFANA_PORT")
        )
    }


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A docker that has every image; `run` does what the test wants."""
    programs, log = tmp_path / "bin", tmp_path / "called"
    programs.mkdir()

    def behaving(run):
        (programs / "docker").write_text(
            f'#!/bin/sh\necho "$@" >>{log}\ncase $1 in run) {run} ;; esac\n'
        )
        (programs / "docker").chmod(0o755)
        monkeypatch.setenv("PATH", str(programs), prepend=":")
        return log

    return behaving


def test_the_images_are_those_of_docker_compose():
    assert {name: SERVICES[name]["image"] for name in IMAGES} == IMAGES


def test_grafanas_settings_are_those_of_docker_compose(docker, ports, tmp_path):
    log = docker("true")
    Containers(tmp_path, ports, print).start()
    settings = {
        f"{name}={value}"
        for name, value in SERVICES["grafana"]["environment"].items()
        if not name.endswith("__FILE")
    }
    assert all(f"--env={setting}" in log.read_text() for setting in settings)


def test_grafana_asks_the_prometheus_of_this_machine(tmp_path):
    configuration.write_grafana(tmp_path, "http://127.0.0.1:19090")
    source = yaml.safe_load(
        (tmp_path / "grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    assert source["datasources"][0]["url"] == "http://127.0.0.1:19090"


def test_only_the_user_who_started_it_can_read_the_password(docker, ports, tmp_path):
    docker("true")
    watching = Containers(tmp_path, ports, print)
    watching.start()
    assert watching.password.stat().st_mode & 0o777 == 0o600
    assert len(watching.password.read_text()) >= 24


def test_containers_that_docker_refuses_are_reported_and_skipped(docker, ports, tmp_path):
    docker("echo 'no such device' >&2; exit 125")
    said = []
    watching = Containers(tmp_path, ports, said.append)
    watching.start()
    assert said == [f"{name}: skipped: docker run failed: no such device" for name in IMAGES]
    assert watching.list_addresses() == {}


def test_a_failed_pull_stops_further_pulls(tmp_path, ports, monkeypatch):
    program, log = tmp_path / "docker", tmp_path / "called"
    program.write_text(f'#!/bin/sh\necho "$@" >>{log}\n[ $1 = info ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    said = []
    Containers(tmp_path, ports, said.append).start()
    first, *others = IMAGES.items()
    assert said[:2] == [
        f"pulling {first[1]}",
        f"{first[0]}: skipped: {first[1]} could not be pulled; later: docker pull {first[1]}",
    ]
    assert [line.partition(":")[0] for line in said[2:]] == [name for name, _ in others]
    assert log.read_text().count("pull") == 1


def test_an_invalid_port_is_reported_before_anything_starts(tmp_path):
    with pytest.raises(ValueError, match="FRAUD_GRAFANA_PORT=x is not a port"):
        Containers(tmp_path, {"FRAUD_GRAFANA_PORT": "x"}, print)

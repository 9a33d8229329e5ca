"""docker-compose.yml, the Dockerfile and the init script, checked without a Docker engine."""

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from support.commands import run
from support.paths import ROOT
from support.programs import require_program

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
OURS = {"init", "scorer", "monitor", "api", "replay"}


def check(*command):
    done = run(command, cwd=ROOT, env={"PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_accepts_the_file():
    check(require_program("docker-compose"), "--profile", "tools", "config", "--quiet")


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


def test_published_ports_are_reachable_only_from_this_machine(
    services,
):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.keys() == {
        "kafka",
        "api",
        "monitor",
        "prometheus",
        "alertmanager",
        "grafana",
        "node-exporter",
    }
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_every_version_is_pinned(services):
    tags = {name: service["image"].partition(":")[2] for name, service in services.items()}
    assert {
        name: tag for name, tag in tags.items() if not re.fullmatch(r"v?\d+\.\d+\.\d+", tag)
    } == {}
    assert {tags[name] for name in OURS} == {VERSION}


def test_our_images_share_one_python_base_image():
    text = (ROOT / "infra" / "Dockerfile").read_text()
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    assert {base for base, _ in stages} - {name for _, name in stages} == {"python:${PYTHON_TAG}"}
    assert re.findall(r"^ARG PYTHON_TAG=(.+)$", text, re.MULTILINE) == ["3.11-slim-bookworm"]


def test_every_long_running_service_has_a_health_check(
    services,
):
    long_running = {
        name for name, service in services.items() if service.get("restart") == "unless-stopped"
    }
    assert long_running == services.keys() - {"init", "replay"}
    assert {name for name in long_running if "healthcheck" not in services[name]} == set()


def test_services_that_need_topics_model_or_secrets_wait_for_init(
    services,
):
    waiting = {
        name for name, service in services.items() if "init" in service.get("depends_on", {})
    }
    assert waiting == OURS - {"init"} | {"grafana"}
    assert {services[name]["depends_on"]["init"]["condition"] for name in waiting} == {
        "service_completed_successfully"
    }


def test_only_kafkas_container_may_write_to_its_image(
    services,
):
    assert {name for name, service in services.items() if not service.get("read_only")} == {"kafka"}


def test_no_container_has_or_gains_privileges(services):
    assert {
        name for name, service in services.items() if service.get("cap_drop") != ["ALL"]
    } == set()
    assert {
        name
        for name, service in services.items()
        if service.get("security_opt") != ["no-new-privileges:true"]
    } == set()


def test_paths_mounted_from_the_repository_exist(services):
    sources = [
        volume.partition(":")[0]
        for service in services.values()
        for volume in service.get("volumes", [])
    ]
    ours = [ROOT / source for source in sources if source.startswith("./")]
    assert len(ours) == 5
    assert [source for source in ours if not source.exists()] == []


def test_hadolint_accepts_the_dockerfile():
    check(Path(sys.executable).with_name("hadolint"), "infra/Dockerfile")


def test_shellcheck_accepts_the_init_script():
    check(require_program("shellcheck"), "infra/image/init.sh")

"""Checks of this machine: the model, the data, ports, and the needs of a local Kafka."""

import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from cli.support.home import probe_writing
from cli.support.listener import find_listener, shorten
from cli.support.settings import Settings
from infra.demo_ports import Port
from payments.schema.reading import Schema
from streams.doctor.checks import CheckStatus, Finding, try_check

Holder = Callable[[int], str | None]
_OURS = ("cli.main", "bin/fraud", "kafka.Kafka")
_SPARE_MB = 1000  # for Kafka's data, reports and models


def show_settings(settings: Settings) -> Finding:
    """Return the values of the variables that no other check shows."""
    known = {
        "FRAUD_HOME": settings.home,
        "FRAUD_MODEL_DIR": settings.model,
        "FRAUD_TOPIC_PREFIX": settings.topic_prefix or "empty",
        "FRAUD_INSTANCE": settings.instance,
        "FRAUD_METRICS_HOST": settings.metrics_host,
        "FRAUD_SCORER_HOST": settings.scorer_host,
    }
    key = f"FRAUD_API_KEY {'set' if settings.api_key else 'not set'}"
    return Finding(
        "settings",
        CheckStatus.OK,
        ", ".join([*(f"{name} {value}" for name, value in known.items()), key]),
    )


def check_home(home: Path) -> Finding:
    """Check that files can be written below FRAUD_HOME, and that there is space for them."""
    folder = next(folder for folder in (home, *home.parents) if folder.exists())
    try:
        probe_writing(folder, 4096)
    except OSError as error:
        return Finding(
            "home",
            CheckStatus.FAIL,
            f"{home} cannot be written: {error.strerror}",
            "free some space or change its permissions, or set FRAUD_HOME to another folder",
        )
    free_mb = shutil.disk_usage(folder).free // 10**6
    found = f"{home} can be written, {free_mb:,} MB free"
    if free_mb < _SPARE_MB:
        return Finding("home", CheckStatus.WARN, found, f"free some space: {_SPARE_MB:,} MB")
    return Finding("home", CheckStatus.OK, found)


def check_model(directory: Path, schema: Schema) -> Finding:
    """Check that the model loads and its hashes match."""
    from model.artefact import Model
    from model.errors import ArtefactError

    try:
        loaded = Model.load(directory, schema)
    except ArtefactError as error:
        return Finding("model", CheckStatus.FAIL, str(error), "run: fraud train")
    return Finding("model", CheckStatus.OK, f"version {loaded.version} loads, and its hashes match")


def check_data(given: Path | None, cache: Path) -> Finding:
    """Check that the CSV exists, and verify it if it is the cached one."""
    from producer import dataset
    from producer.errors import DataError

    path = given or cache / dataset.CREDITCARD.name
    if not path.is_file():
        if given:
            return Finding(
                "data",
                CheckStatus.FAIL,
                f"{given} is not a file",
                "set FRAUD_DATA to a CSV, or unset it",
            )
        return Finding(
            "data",
            CheckStatus.WARN,
            "creditcard.csv is not downloaded; training and replays need it",
            "run: fraud data",
        )
    if given:
        return Finding(
            "data", CheckStatus.OK, f"{given}, from FRAUD_DATA; `fraud data` verifies it"
        )
    try:
        dataset.verify(path)
    except DataError as error:
        return Finding("data", CheckStatus.FAIL, str(error), "delete it and run: fraud data")
    return Finding("data", CheckStatus.OK, f"{path}, its sha256 matches")


def check_port(wanted: Port, holder: Holder) -> Finding:
    """Check that a port is free, or used by this system.

    `holder` returns the command line of the listener, or "" if it is unknown.
    """
    command = holder(wanted.number)
    what = f"port {wanted.number}"
    if command is None:
        return Finding(what, CheckStatus.OK, f"free for {wanted.use}")
    if any(name in command for name in _OURS):
        return Finding(what, CheckStatus.OK, f"used by this system ({wanted.use})")
    return Finding(
        what,
        CheckStatus.FAIL,
        f"needed for {wanted.use}, used by {shorten(command) or 'a process of another user'}",
        f"stop it, or set {wanted.variable} to another port",
    )


def check_local_kafka(java: int | None, maven: bool, docker: bool) -> Finding:
    """Report what `fraud kafka start` would use.

    `java`: its major version. `maven`: Maven or the jars. `docker`: compose and the image.
    """
    from infra.kafka.jars import OLDEST_JAVA

    if docker:
        return Finding("local Kafka", CheckStatus.OK, "Docker has the image")
    if java is not None and java >= OLDEST_JAVA and maven:
        return Finding(
            "local Kafka",
            CheckStatus.OK,
            f"Java {java}, and Kafka's jars or Maven to download them",
        )
    lacking = f"Java {OLDEST_JAVA}+" if java is None or java < OLDEST_JAVA else "Maven"
    advice = (
        "Debian, Ubuntu: apt install openjdk-17-jre-headless maven; or install Docker; "
        "or set FRAUD_BOOTSTRAP_SERVERS to your own Kafka"
    )
    return Finding(
        "local Kafka", CheckStatus.FAIL, f"neither Docker with the image, nor {lacking}", advice
    )


def run_checks(settings: Settings) -> Iterator[Finding]:
    """Yield every finding."""
    from infra.kafka import IMAGE, engine, jars

    yield show_settings(settings)
    yield check_home(settings.home)
    yield try_check("model", lambda: check_model(settings.model, settings.schema))
    yield try_check("data", lambda: check_data(settings.data, settings.cache))
    for wanted in _list_ports(settings):
        yield check_port(wanted, partial(find_listener, settings.home))
    if settings.given_servers is None:
        maven = (
            jars.are_complete(settings.home / "kafka" / "jars") or shutil.which("mvn") is not None
        )
        yield check_local_kafka(
            jars.read_java_version(),
            maven,
            engine.find_compose_command() is not None and engine.has_image(IMAGE),
        )


def _list_ports(settings: Settings) -> Iterator[Port]:
    if settings.given_servers is None:
        yield Port(settings.kafka_port, "FRAUD_KAFKA_PORT", "Kafka")
    yield Port(settings.api_port, "FRAUD_API_PORT", "fraud serve")
    yield Port(settings.monitor_port, "FRAUD_MONITOR_PORT", "fraud monitor")
    yield Port(settings.metrics_port, "FRAUD_METRICS_PORT", "worker 0 of fraud score")

"""Download Kafka's jars once, by Maven; an incomplete download does not count."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from infra import commands
from infra.kafka import BrokerError

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17  # of Kafka 4's broker
_TIMEOUT_S = 600
_BYTES = 56_400_000
_JAR = re.compile(r"Downloaded from .*\.jar \(([\d.]+) ([kMG]?B)")
_ERROR = "[ERROR] "
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


def read_java_version() -> int | None:
    """Return the major version of `java`, or None without it."""
    try:
        done = commands.run("java", "-version")
    except OSError:
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', done.stdout)  # Java 8 calls itself 1.8
    return int(version[1]) if version else None


def java_environment() -> dict[str, str]:
    """Return this environment with UTF-8 for Java, whatever LANG is.

    In another locale, Java replaces letters of a path that the locale lacks, and works elsewhere.
    """
    return {**os.environ, "LC_ALL": "C.UTF-8"}


def check_java() -> None:
    """Raise BrokerError if there is no Java, or one that is too old."""
    version = read_java_version()
    if version is None or version < OLDEST_JAVA:
        problem = "java was not found" if version is None else f"java is version {version}"
        raise BrokerError(
            f"{problem}; Kafka needs Java {OLDEST_JAVA} or newer "
            "(Debian, Ubuntu: apt install openjdk-17-jre-headless)"
        )


def fetch(
    folder: Path,
    say: Callable[[str], None],
    count: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Download the jars to `folder` unless they are there. Raises BrokerError.

    `count` receives the bytes downloaded and their total.
    """
    if are_complete(folder):
        return
    say(f"downloading Kafka's jars ({_BYTES // 10**6} MB)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="jars.") as part:
        _download(Path(part), count)
        with contextlib.suppress(FileNotFoundError):
            folder.rename(Path(part) / "outdated")
        try:
            (Path(part) / "jars").rename(folder)
        except OSError:  # another process was faster; its jars are the same
            if not are_complete(folder):
                raise


def are_complete(folder: Path) -> bool:
    """Return whether `folder` holds all jars of the pom, whose copy is added at the end."""
    try:
        return (folder / POM.name).read_bytes() == POM.read_bytes()
    except FileNotFoundError:
        return False


def _download(part: Path, count: Callable[[int, int], None]) -> None:
    command = (
        "mvn",
        "-B",
        "-f",
        str(POM),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={part / 'jars'}",
        "-DincludeScope=runtime",
    )
    try:
        maven = subprocess.Popen(
            command,
            env=java_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise BrokerError(
            "mvn was not found; Maven downloads Kafka's jars (Debian, Ubuntu: apt install maven)"
        ) from None
    said: list[str] = []
    deadline = time.monotonic() + _TIMEOUT_S
    patience = threading.Timer(_TIMEOUT_S, maven.kill)
    patience.start()
    try:
        with maven:
            for done in _parse_downloaded(maven.stdout or (), said):
                count(min(done, _BYTES), _BYTES)
    finally:
        maven.kill()  # after Ctrl-C; a no-op once it has ended
        patience.cancel()
    if time.monotonic() >= deadline:
        raise BrokerError(f"Maven did not download Kafka's jars within {_TIMEOUT_S} s")
    if maven.returncode:
        why = next(
            (line[len(_ERROR) :].strip() for line in said if line.startswith(_ERROR)),
            f"exit code {maven.returncode}",
        )
        raise BrokerError.after(f"Maven could not download Kafka's jars: {why}", "".join(said))
    shutil.copy(POM, part / "jars")


def _parse_downloaded(output: Iterable[str], said: list[str]) -> Iterator[int]:
    """Yield the bytes of jars downloaded so far, and append Maven's lines to `said`."""
    done = 0.0
    for line in output:
        said.append(line)
        if jar := _JAR.search(line):
            done += float(jar[1]) * _UNITS[jar[2]]
            yield int(done)

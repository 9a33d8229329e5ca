"""List what a first run downloads and everything that is missing, before anything is installed.

    python3 -m infra.preflight [the Python for .venv]

Needs only the standard library of Python 3.8+, so that it can name the Python to install. Exits
with 1 if something is missing.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

# collections.abc's take no parameter in Python 3.8
from typing import Iterator, Mapping, NamedTuple  # noqa: UP035

from infra import demo_ports
from infra.commands import succeeds
from infra.kafka import IMAGE, engine, jars

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = "Python 3.11, 3.12 or 3.13"
SPARE_MB = 1000  # Kafka's data, reports, models


class Part(NamedTuple):
    """A download, done once. Sizes are from Linux: as printed by pip and Maven, and by `du`."""

    name: str
    download_mb: int
    disk_mb: int
    there: bool


class Preflight:
    """Checks for the checkout at `root`.

    `python`: the program for .venv, or empty if none was found.
    """

    def __init__(self, environment: Mapping[str, str], python: str, root: Path = ROOT) -> None:
        self._environment = environment
        self._python = python
        self._root = root
        self._home = Path(environment.get("FRAUD_HOME") or root / ".run").resolve()
        cache = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self._csv = Path(cache) / "streaming-fraud-scorer" / "creditcard.csv"
        self._own_kafka = not environment.get("FRAUD_BOOTSTRAP_SERVERS")
        self._jars = jars.are_complete(self._home / "kafka" / "jars")
        self._image = engine.has_image(IMAGE) and engine.find_compose_command() is not None

    def parts(self) -> list[Part]:
        """Return the downloads of a first run."""
        kafka = not self._own_kafka or self._jars or self._image
        return [
            Part(
                "Python packages, into .venv",
                250,
                1200,
                (self._root / ".venv" / ".complete").exists(),
            ),
            Part("Apache Kafka, as jars or as an image", 55, 110, kafka),
            Part(
                "creditcard.csv",
                150,
                150,
                bool(self._environment.get("FRAUD_DATA")) or self._csv.exists(),
            ),
        ]

    def problems(self) -> list[str]:
        """Return everything that is missing, with how to get it."""
        return [
            *self._check_disk(),
            *self._check_venv(),
            *(self._check_kafka() if self._own_kafka else ()),
            *self._check_ports(),
        ]

    def _check_disk(self) -> Iterator[str]:
        needed = SPARE_MB + sum(part.disk_mb for part in self.parts() if not part.there)
        for folder in sorted(
            {_find_existing(path) for path in (self._root, self._home, self._csv)}
        ):
            free = shutil.disk_usage(folder).free // 10**6
            if free < needed:
                yield f"disk: {folder} has {free} MB free, {needed} MB are needed; free some space"

    def _check_venv(self) -> Iterator[str]:
        if not self._python:
            here = ".".join(map(str, sys.version_info[:3]))
            yield (
                f"Python: {PYTHONS} is needed, python3 is {here}; "
                "install one, or name it: PYTHON=/path/to/python3.12"
            )
        elif not succeeds(
            self._python, "-c", "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
        ):
            yield (
                f"Python: {PYTHONS} is needed, {self._python} is not; "
                "name one: PYTHON=/path/to/python3.12"
            )
        elif not succeeds(self._python, "-c", "import venv, ensurepip"):
            yield (
                f"Python's venv module: {self._python} does not have it "
                "(Debian, Ubuntu: apt install python3-venv)"
            )

    def _check_kafka(self) -> Iterator[str]:
        missing = list(self._check_java())
        # pull the image only if there is no other way
        if (
            not missing
            or self._image
            or (engine.find_compose_command() and engine.obtain_image(IMAGE))
        ):
            return
        docker = (
            "the image cannot be pulled within 30 s"
            if engine.answers()
            else "Docker's engine does not answer"
        )
        yield (
            f"Kafka: Java {jars.OLDEST_JAVA}+ and Maven "
            "(Debian, Ubuntu: apt install openjdk-17-jre-headless maven), "
            "or Docker with compose (https://docs.docker.com/engine/install/), "
            "or your own Kafka: FRAUD_BOOTSTRAP_SERVERS=host:port; "
            f"{', '.join(missing)}, {docker}"
        )

    def _check_java(self) -> Iterator[str]:
        version = jars.read_java_version()
        if version is None:
            yield "java was not found"
        elif version < jars.OLDEST_JAVA:
            yield f"java is version {version}"
        if not self._jars and not shutil.which("mvn"):
            yield "mvn was not found"

    def _check_ports(self) -> Iterator[str]:
        try:
            wanted = list(demo_ports.list_service_ports(self._environment))
            if self._own_kafka:
                wanted += demo_ports.list_kafka_ports(self._environment, controller=not self._image)
        except ValueError as error:
            yield str(error)
        else:
            yield from demo_ports.find_collisions(wanted)
            yield from demo_ports.find_taken(wanted, self._home)


def _find_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.is_dir())


def main() -> int:
    """Print the downloads, then everything that is missing."""
    preflight = Preflight(os.environ, sys.argv[1] if len(sys.argv) > 1 else "")
    wanted = [part for part in preflight.parts() if not part.there]
    if wanted:
        download = sum(part.download_mb for part in wanted)
        disk = sum(part.disk_mb for part in wanted)
        print(f"Downloads, once: about {download} MB, {disk} MB on disk")
        for part in wanted:
            print(f"  {part.name}: {part.download_mb} MB, {part.disk_mb} MB on disk")
    problems = preflight.problems()
    if problems:
        print("Missing:", *(f"  - {problem}" for problem in problems), sep="\n", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

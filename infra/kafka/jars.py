"""Kafka's jars: downloaded once by Maven, and only a complete download counts."""

from __future__ import annotations  # infra.preflight uses this on any Python 3.8+

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.kafka import BrokerError

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17  # Kafka 4's server does not run on an older one
_TIMEOUT_S = 600


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_TIMEOUT_S, check=False
    )


def java_version() -> int | None:
    """The major version of the Java that `java` starts; None when there is none."""
    try:
        said = _run("java", "-version").stdout
    except OSError:
        return None
    version = re.search(r'version "(?:1\.)?(\d+)', said)  # Java 8 calls itself 1.8
    return int(version[1]) if version else None


def check_java() -> None:
    """Raises BrokerError when there is no Java, or one that is too old."""
    version = java_version()
    if version is None or version < OLDEST_JAVA:
        found = "java was not found" if version is None else f"java is version {version}"
        raise BrokerError(f"{found}; Kafka needs Java {OLDEST_JAVA} or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless)")


def fetch(folder: Path, say: Callable[[str], None]) -> None:
    """Brings the jars to `folder` unless they are there. Raises BrokerError."""
    if complete(folder):
        return
    say("downloading Kafka's jars (54 MB)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="jars.") as part:
        _download(Path(part))
        with contextlib.suppress(FileNotFoundError):
            folder.rename(Path(part) / "outdated")
        try:
            (Path(part) / "jars").rename(folder)
        except OSError:  # another process was faster; what it brought is the same
            if not complete(folder):
                raise


def complete(folder: Path) -> bool:
    """Whether the jars that the pom names are in `folder`: it takes its name when the download is done, and holds the pom it is of."""
    try:
        return (folder / POM.name).read_bytes() == POM.read_bytes()
    except FileNotFoundError:
        return False


def _download(part: Path) -> None:
    try:
        done = _run(
            *("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={part / 'jars'}", "-DincludeScope=runtime"),
        )
    except FileNotFoundError:
        raise BrokerError("mvn was not found; Maven brings Kafka's jars (Debian, Ubuntu: apt install maven)") from None
    except subprocess.TimeoutExpired:
        raise BrokerError(f"Maven did not bring Kafka's jars within {_TIMEOUT_S} s") from None
    if done.returncode:
        raise BrokerError(f"Maven could not bring Kafka's jars:\n{done.stdout[-2000:]}")
    shutil.copy(POM, part / "jars")

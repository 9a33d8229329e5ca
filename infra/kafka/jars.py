"""Kafka's jars: downloaded once by Maven, and only a complete download counts."""

import contextlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.kafka import VERSION, BrokerError

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17  # Kafka 4's server does not run on an older one
_TIMEOUT_S = 600


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=_TIMEOUT_S, check=False
    )


def check_java() -> None:
    """Raises BrokerError when there is no Java, or one that is too old."""
    wanted = f"Kafka needs Java {OLDEST_JAVA} or newer (Debian, Ubuntu: apt install openjdk-17-jre-headless)"
    try:
        said = _run("java", "-version").stdout
    except FileNotFoundError:
        raise BrokerError(f"java was not found; {wanted}") from None
    version = re.search(r'version "(?:1\.)?(\d+)', said)  # Java 8 calls itself 1.8
    if not version:
        raise BrokerError(f"`java -version` does not name a version; {wanted}")
    if int(version[1]) < OLDEST_JAVA:
        raise BrokerError(f"java is version {version[1]}; {wanted}")


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
    """Whether the jars of this version are in `folder`, which takes its name only when the download is done."""
    return (folder / f"kafka_2.13-{VERSION}.jar").is_file()


def _download(part: Path) -> None:
    # a copy of the pom: Maven wants to write beside it
    pom = shutil.copy(POM, part / "pom.xml")
    try:
        done = _run(
            *("mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"),
            *(f"-DoutputDirectory={part / 'jars'}", "-DincludeScope=runtime"),
        )
    except FileNotFoundError:
        raise BrokerError("mvn was not found; Maven brings Kafka's jars (Debian, Ubuntu: apt install maven)") from None
    except subprocess.TimeoutExpired:
        raise BrokerError(f"Maven did not bring Kafka's jars within {_TIMEOUT_S} s") from None
    if done.returncode or not complete(part / "jars"):
        raise BrokerError(f"Maven could not bring Kafka's jars:\n{done.stdout[-2000:]}")

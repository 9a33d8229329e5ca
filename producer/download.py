"""Download files: resume interrupted transfers, accept only the right checksum."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from model.manifest import hash_file
from producer.errors import DataError

DownloadProgress = Callable[[int, int | None], None]
"""Called with the bytes received and the size of the file, None if the server does not send it."""

_BLOCK = 256 * 1024
_TRIES = 5
_RANGE_NOT_SATISFIABLE = 416


def accept(part: Path, final: Path, sha256: str) -> None:
    """Rename `part` to `final` if its checksum is right.

    Otherwise rename it to `<name>.refused`, so that it is neither used nor lost, and raise
    DataError.
    """
    actual = hash_file(part)
    if actual == sha256:
        part.replace(final)
        return
    refused = _find_unused_name(final.with_name(final.name + ".refused"))
    part.replace(refused)
    raise DataError(
        f"wrong checksum: {final.name} has sha256 {actual}, expected {sha256}; moved to {refused}"
    )


def _find_unused_name(path: Path) -> Path:
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.{number}")
    return candidate


def download(url: str, part: Path, progress: DownloadProgress, timeout_s: float) -> None:
    """Download `url` into `part`, resuming after the bytes that `part` already has.

    `timeout_s` bounds the connection attempt and each wait for more bytes. Proxy variables and
    SSL_CERT_FILE apply. Raise DataError on failure; `part` keeps the bytes received so far.
    """
    why = ""
    for _ in range(_TRIES):
        before = _get_size(part)
        try:
            if _resume(url, part, progress, timeout_s):
                return
            why = "the connection was cut"
        except urllib.error.HTTPError as error:
            if error.code != _RANGE_NOT_SATISFIABLE or not before:
                raise DataError(f"HTTP {error.code} {error.reason}") from None
            part.unlink()  # not a prefix of this file
            continue
        except (OSError, http.client.HTTPException) as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
        if _get_size(part) <= before:
            break
    raise DataError(why)


def _get_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _resume(url: str, part: Path, progress: DownloadProgress, timeout_s: float) -> bool:
    """Send one request; return whether the file is complete."""
    done = _get_size(part)
    headers = {"User-Agent": "streaming-fraud-scorer"} | (
        {"Range": f"bytes={done}-"} if done else {}
    )
    # URLs are constants or come from pip
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                progress(done, total)
    return total is None or done >= total

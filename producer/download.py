"""Files from the network: resumed where they were cut, and used only when their checksum is right."""

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from model.manifest import file_sha256
from producer.errors import DataError

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes of the whole file, None where the server does not say."""

_BLOCK = 256 * 1024
_TRIES = 5
_RANGE_NOT_SATISFIABLE = 416


def accept(part: Path, final: Path, sha256: str) -> None:
    """Makes `part` the file `final` if its checksum is right.

    Raises DataError if not: it then lies beside `final` as `<name>.refused`, and is neither used nor deleted.
    """
    found = file_sha256(part)
    if found == sha256:
        part.replace(final)
        return
    refused = _unused(final.with_name(final.name + ".refused"))
    part.replace(refused)
    raise DataError(
        f"wrong checksum: {final.name} has sha256 {found}, expected is {sha256}; it was put aside as {refused}"
    )


def _unused(path: Path) -> Path:
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}.{number}")
    return candidate


def download(url: str, part: Path, progress: Progress, timeout_s: float) -> None:
    """Fetches `url` into `part`, going on from the bytes that are there already, in this run or from an earlier one.

    `timeout_s` bounds connecting and each wait for more bytes. Proxies and SSL_CERT_FILE are honoured. Raises DataError;
    what has come by then stays in `part`.
    """
    why = ""
    for _ in range(_TRIES):
        before = _size(part)
        try:
            if _go_on(url, part, progress, timeout_s):
                return
            why = "the connection was cut"
        except urllib.error.HTTPError as error:
            if error.code != _RANGE_NOT_SATISFIABLE or not before:
                raise DataError(f"HTTP {error.code} {error.reason}") from None
            part.unlink()  # it is no beginning of that file
            continue
        except (OSError, http.client.HTTPException) as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
        if _size(part) <= before:
            break
    raise DataError(why)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _go_on(url: str, part: Path, progress: Progress, timeout_s: float) -> bool:
    """One request; True if the file is whole now."""
    done = _size(part)
    headers = {"User-Agent": "streaming-fraud-scorer"} | (
        {"Range": f"bytes={done}-"} if done else {}
    )
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - addresses are constants or come from pip
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

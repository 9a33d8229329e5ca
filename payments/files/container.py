"""Open what a text file is packed in: gzip, bzip2, xz, or a zip archive of one table."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from payments.errors import PaymentFileError

_STARTS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
_OPENERS: dict[str, Callable[[Path], Any]] = {
    "gzip": gzip.GzipFile,
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
_TEXT = (".csv", ".tsv", ".txt")


def find_packing(path: Path) -> str | None:
    """Return "gzip", "bzip2", "xz", "zip", or None for a file that is not compressed."""
    with path.open("rb") as file:
        magic = file.read(6)
    return next((name for start, name in _STARTS.items() if magic.startswith(start)), None)


@contextmanager
def open_packed(path: Path) -> Iterator[IO[bytes]]:
    """Open the decompressed bytes. Raises PaymentFileError for an archive of several tables."""
    packing = find_packing(path)
    if packing == "zip":
        with (
            zipfile.ZipFile(path) as archive,
            archive.open(_find_only_table(path, archive)) as member,
        ):
            yield member
    else:
        with _OPENERS[packing](path) if packing else path.open("rb") as file:
            yield file


def _find_only_table(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.startswith("__MACOSX/")]
    tables = [name for name in names if name.lower().endswith(_TEXT)]
    if len(tables) != 1:
        listed = ", ".join(names[:10]) or "nothing"
        raise PaymentFileError(f"{path} is an archive; expected one CSV in it, found {listed}")
    return tables[0]

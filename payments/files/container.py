"""Open what a payment file is packed in: gzip, bzip2, xz, or a zip archive of one payment file."""

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from payments.errors import PaymentFileError

_OPENERS: dict[str, Callable[[Path], Any]] = {
    "gzip": gzip.GzipFile,
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
}
_STARTS = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",  # an empty one
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "7z",
    b"PAR1": "Parquet",
    b"ARROW1\0\0": "Arrow",
    b"SQLite format 3\0": "SQLite",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
}
_TAR = (257, b"ustar")  # its offset in the first header
_WORKBOOK = "xl/workbook.xml"
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def find_format(head: bytes) -> str | None:
    """Return the name of the binary format that the first bytes of a file are in."""
    if head.startswith(_TAR[1], _TAR[0]):
        return "tar"
    return next((name for start, name in _STARTS.items() if head.startswith(start)), None)


def find_packing(path: Path) -> str | None:
    """Return "gzip", "bzip2", "xz", "zip", or None for a file that is packed in none of them."""
    with path.open("rb") as file:
        found = find_format(file.read(16))
    return found if found == "zip" or found in _OPENERS else None


@contextmanager
def open_packed(path: Path) -> Iterator[IO[bytes]]:
    """Open the unpacked bytes. Raises PaymentFileError for an archive of several payment files."""
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
    if _WORKBOOK in names:
        raise PaymentFileError(f"{path} is an Excel workbook: save the sheet as CSV")
    tables = [name for name in names if name.lower().endswith(_TABLES)]
    tables = tables or [name for name in names if name.lower().endswith(".txt")]
    if len(tables) != 1:
        listed = ", ".join((tables or names)[:10]) or "nothing"
        raise PaymentFileError(f"{path} is an archive; expected one CSV in it, found {listed}")
    return tables[0]

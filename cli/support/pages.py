"""Pages about files of transactions, under FRAUD_HOME."""

from pathlib import Path

from cli.errors import CommandError
from model.files import write_atomically

_DIGITS = 8


def make_page_name(data: Path) -> str:
    """Return `test-1a2b3c4d` for any/test.csv; the digits are a hash of the path.

    Files of the same name in different folders so have different pages.
    """
    from model.manifest import hash_content

    return f"{data.stem}-{hash_content(str(data.resolve()).encode())[:_DIGITS]}"


def write_page(path: Path, page: str) -> None:
    """Write or replace a page. Raises CommandError."""
    try:
        write_atomically(path, page)
    except OSError as error:
        raise CommandError(
            f"{path} cannot be written: {error.strerror}; set FRAUD_HOME to a writable folder"
        ) from None

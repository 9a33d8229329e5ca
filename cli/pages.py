"""Pages about files of transactions, under FRAUD_HOME."""

from pathlib import Path

from cli.app import CommandError


def write(path: Path, page: str) -> None:
    """Writes a page, in place of what it said before. Raises CommandError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}; set FRAUD_HOME to a folder that can") from None

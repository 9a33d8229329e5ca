"""Files that others may read at any time."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, text: str) -> None:
    """Replace the file with UTF-8 text in one step, creating its folder if needed. Raises OSError.

    A reader sees the old content or the new, never part of it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_atomically(path) as file:
        file.write(text.encode())


@contextmanager
def open_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write, which replaces `path` at the end of the block. Raises OSError.

    After an error, `path` is as before. A device or pipe is written directly.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            unfinished.unlink()
        raise
